"""Every stored record is proven by the trail: whatever the owner changes in it is named (AUD-04)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.services.audit.audit_verification import inspect_trail
from app.services.audit.record_replay import Replay
from app.services.core.installation import Installation
from app.storage.proof.row_facts import (
    UNPROVEN,
    FactKey,
    ProvenTable,
    RowAct,
    proven_table,
    proven_tables,
)
from app.storage.tables import APPEND_ONLY
from tests.scenarios.database_owner import DatabaseOwner, other_value
from tests.scenarios.people import START, Person
from tests.scenarios.trail_entries import verify_trail

TABLES = tuple(proven.table.name for proven in proven_tables())
OWNING = frozenset({"participant_id", "slot_id"})
"""By these a row is found: it is missing where it was once one of them changes."""


def list_faults(installation: Installation) -> set[tuple[str | None, str | None]]:
    """Record and field of each fault."""
    return {(fault.record, fault.field) for fault in verify_trail(installation) if fault.record}


def is_row(table: sa.Table, row: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[column.name] == row[column.name] for column in table.primary_key))


def name_of(proven: ProvenTable, row: Mapping[str, Any]) -> str:
    return f"{proven.table.name}:{proven.record_key(row)}"


@pytest.mark.req("AUD-04")
def test_after_all_kinds_of_acts_every_record_is_proven(course: Installation) -> None:
    report = inspect_trail(course)
    assert report.faults == []
    assert report.records > len(TABLES)
    assert (report.old_entries, report.unproven, report.unscored, report.redacted) == (0, 0, 0, 0)
    with course.read() as session:
        empty = [
            name
            for name in TABLES
            if not session.execute(sa.select(sa.literal(1)).select_from(proven_table(name).table)).first()
        ]
    assert empty == []


@pytest.mark.req("AUD-04")
def test_instants_are_proven_however_a_database_spells_them(
    installation: Installation, person: Person
) -> None:
    """PostgreSQL leaves out the zeros that end a fraction, SQLite does not."""
    for microseconds in (0, 250_000, 1):
        at = START + timedelta(microseconds=microseconds)
        person.anchor("progression", START.date(), at)
    assert verify_trail(installation) == []


@pytest.mark.req("AUD-04")
def test_a_changed_field_is_named(course: Installation, owner: DatabaseOwner) -> None:
    """One field in a row of each table at a time, until each field of each table had its turn."""
    firsts = {proven: owner.rows(proven.table)[0] for proven in map(proven_table, TABLES)}
    for turn in range(max(len(proven.columns) for proven in firsts)):
        changed = {proven: proven.columns[turn] for proven in firsts if turn < len(proven.columns)}
        for proven, column in changed.items():
            change(owner, proven, firsts[proven], column)
        named = list_faults(course)
        for proven, column in changed.items():
            fields = {field for record, field in named if record == name_of(proven, firsts[proven])}
            moved = column in OWNING or column in proven.key
            assert column in fields or (moved and "row" in fields), (proven.table.name, column)
            restore(owner, proven, firsts[proven], column)
    assert list_faults(course) == set()


def change(owner: DatabaseOwner, proven: ProvenTable, row: Mapping[str, Any], column: str) -> None:
    other = {column: other_value(proven.table.c[column], row[column])}
    owner.run(sa.update(proven.table).where(is_row(proven.table, row)).values(other))


def restore(owner: DatabaseOwner, proven: ProvenTable, row: Mapping[str, Any], column: str) -> None:
    other = {column: other_value(proven.table.c[column], row[column])}
    back = is_row(proven.table, {**row, **other})
    owner.run(sa.update(proven.table).where(back).values({column: row[column]}))


@pytest.mark.req("AUD-04")
def test_a_deleted_and_a_foreign_row_are_named(course: Installation, owner: DatabaseOwner) -> None:
    """In all tables at once: the first row goes, comes back, and is joined by one that nobody wrote."""
    firsts = {proven: owner.rows(proven.table)[0] for proven in map(proven_table, TABLES)}
    for proven, row in firsts.items():
        owner.run(sa.delete(proven.table).where(is_row(proven.table, row)))
    gone = {(name_of(proven, row), "row") for proven, row in firsts.items()}
    assert gone - list_faults(course) == set()
    for proven, row in firsts.items():
        owner.run(sa.insert(proven.table).values(row))
    assert list_faults(course) == set()
    strangers = {proven: foreign(proven, row) for proven, row in firsts.items()}
    for proven, row in strangers.items():
        owner.run(sa.insert(proven.table).values(row))
    added = {(name_of(proven, row), "row") for proven, row in strangers.items()}
    assert added - list_faults(course) == set()


def foreign(proven: ProvenTable, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same row under another key."""
    keys = {*proven.key, *unique_columns(proven.table)} - {"slot_id", "study_id"}
    keys -= {"participant_id"} - set(proven.table.primary_key.columns.keys())
    return {**row, **{name: other_value(proven.table.c[name], row[name]) for name in keys}}


def unique_columns(table: sa.Table) -> set[str]:
    """The columns of all keys by which a row is told from others."""
    unique = (sa.PrimaryKeyConstraint, sa.UniqueConstraint)
    columns = [each.columns.values() for each in table.constraints if isinstance(each, unique)]
    columns += [each.columns.values() for each in table.indexes if each.unique]
    return {column.name for key in columns for column in key}


@pytest.mark.req("AUD-04")
def test_scores_are_computed_anew(course: Installation, owner: DatabaseOwner) -> None:
    """Even one that came into the trail wrong, with its digest, would be named."""
    response = proven_table("response").table
    row = owner.rows(response)[0]
    scores = [{**score, "value": "50"} for score in row["scores"]]
    owner.run(sa.update(response).values(scores=scores))
    named = {
        (fault.what, fault.field)
        for fault in verify_trail(course)
        if fault.record and "response" in fault.record
    }
    assert named == {("is not what the entry says", "scores"), ("does not follow from the answers", "scores")}


def test_what_no_entry_proves_is_little() -> None:
    keeps_alive = {"device.seen_at", "slot.wake_at", "alert.wake_at"}
    delivery = {
        f"{table}.{name}" for table in ("message", "alert_message") for name in ("lease_until", "attempts")
    }
    first_of_devices = {"participant.activated_at"}  # the moments of the devices themselves are proven
    exports = {f"data_export.{name}" for name in ("lease_until", "tries", "done", "total")}
    repeats = {"edc_refusal.last_at", "edc_refusal.times"}  # of a refused body that is proven
    assert keeps_alive | delivery | first_of_devices | exports | repeats == UNPROVEN


@pytest.mark.req("AUD-04")
@pytest.mark.parametrize("more", [(), ("x", "y")])
def test_a_stated_row_of_another_shape_is_no_row(more: tuple[str, ...]) -> None:
    """It ends the reading of its chain, which is named, and not the whole verification."""
    columns = list(proven_table("contact").columns)
    rows = [["x"] * (len(columns) - 1) + list(more)]
    with pytest.raises(ValueError, match="contact"):
        Replay(FactKey(b"")).replay_group("participant:1", 1, ["contact", RowAct.NEW, columns, rows])


@pytest.mark.req("AUD-03")
def test_a_missing_guard_is_named(course: Installation, owner: DatabaseOwner) -> None:
    faults = {fault.what for fault in verify_trail(course) if fault.chain == "guards"}
    on_sqlite = owner.connection.dialect.name == "sqlite"
    acts = ("update", "delete", "replace") if on_sqlite else ("change", "truncate")
    how = "is missing" if on_sqlite else "is switched off"
    assert faults == {f"trigger {table}_no_{act} {how}" for table in APPEND_ONLY for act in acts}
