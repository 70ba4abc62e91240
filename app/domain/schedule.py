"""From plan and anchors to slots: every expected form, made ahead, with its window."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from app.domain.plan import Plan
from app.domain.window import Window

SlotKey = tuple[str, str]
"""Visit code and instrument id: what a slot is unique by within its participant."""


@dataclass(frozen=True, slots=True)
class AnchorDate:
    """The current date of an anchor; `at` is its instant where that is known."""

    kind: str
    on: date
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """One expected form. `window` is None while the anchor is not known; `for_day` is a diary's day."""

    visit: str
    series: str
    instrument: str
    instrument_version: str
    for_day: date | None
    anchor: str
    window: Window | None
    arm_revealing: bool

    @property
    def key(self) -> SlotKey:
        """Visit code and instrument id."""
        return self.visit, self.instrument


@dataclass(frozen=True, slots=True)
class Move:
    """How one slot's window changes. `would_be_missed`: the new one has closed and nothing is begun."""

    key: SlotKey
    old: Window | None
    new: Window | None
    would_be_missed: bool


def schedule(
    plan: Plan, anchors: Mapping[str, AnchorDate], arm: str | None, zone: str
) -> tuple[PlannedSlot, ...]:
    """Every form expected of one participant, in the plan's order."""
    raise NotImplementedError


def requested(
    plan: Plan, visit: str, number: int, on_day: date, zone: str, anchors: Mapping[str, AnchorDate]
) -> tuple[PlannedSlot, ...]:
    """The slots of a visit made by staff on request: `UNS-1`, a repeated baseline `BL-2`."""
    raise NotImplementedError


def moves(
    before: Collection[PlannedSlot], after: Collection[PlannedSlot], begun: Collection[SlotKey], at: datetime
) -> tuple[Move, ...]:
    """What a changed anchor does to the windows not yet begun."""
    raise NotImplementedError
