"""Every declared event is recorded somewhere, and proven somewhere."""

import ast
from pathlib import Path

import pytest

from app.domain.records.audit import AuditEvent
from app.settings import ROOT
from app.storage.proof.event_tables import COVERS
from app.storage.row_changes import TECHNICAL_TABLES
from app.storage.tables.columns import metadata
from tests.meta.sources import modules, nodes


def named(folder: str) -> set[str]:
    """The events named in a folder's code, as `AuditEvent.NAME` or by their value."""
    values = {event.value: event.name for event in AuditEvent}
    names: set[str] = set()
    for path in modules(folder):
        if path in (ROOT / "app/storage/proof/event_tables.py", Path(__file__)):
            continue
        for node in nodes(path):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "AuditEvent"
            ):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names |= {values[node.value]} if node.value in values else set()
    return names


@pytest.mark.req("AUD-07")
def test_every_event_is_recorded_by_a_use_case() -> None:
    assert {event.name for event in AuditEvent} - named("app") == set()


@pytest.mark.req("AUD-07")
def test_every_event_is_proven_by_a_test() -> None:
    assert {event.name for event in AuditEvent} - named("tests") == set()


@pytest.mark.req("AUD-01")
def test_every_table_is_covered_by_an_event_or_holds_no_record() -> None:
    covered = {table for tables in COVERS.values() for table in tables}
    assert set(metadata.tables) == covered | TECHNICAL_TABLES
    assert covered & TECHNICAL_TABLES == set()
