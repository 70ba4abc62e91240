"""A requested export: what is to be made of a cut, and how far it is."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ExportKind(StrEnum):
    """What is made: files of datasets, or a second computation of their figures."""

    datasets = "datasets"
    recheck = "recheck"


class ExportState(StrEnum):
    """The life of a requested export."""

    waiting = "waiting"
    making = "making"
    ready = "ready"
    failed = "failed"
    removed = "removed"


class ExportFacts(Protocol):
    """The facts from which the state of an export is derived."""

    @property
    def tries(self) -> int: ...
    @property
    def lease_until(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def fault(self) -> str | None: ...
    @property
    def removed_at(self) -> datetime | None: ...


def derive_export_state(export: ExportFacts, at: datetime) -> ExportState:
    """The state at a moment: one whose worker died waits again once the worker's lease is over."""
    if export.removed_at is not None:
        return ExportState.removed
    if export.ended_at is not None:
        return ExportState.failed if export.fault else ExportState.ready
    return ExportState.making if export.tries and export.lease_until > at else ExportState.waiting
