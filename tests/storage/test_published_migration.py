"""Migration 0004 reads from the feed what it said last of each form, and has every form looked at once."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from app.storage.migrations import migrate_database
from app.storage.revisions import SCRIPTS

AT = datetime(2026, 3, 2, tzinfo=UTC)
FILLERS: dict[type, object] = {str: "x", int: 1, bool: False, datetime: AT, date: AT.date()}


def _upgrade(connection: sa.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    connection.commit()


def _drop_foreign_keys(connection: sa.Connection, *tables: str) -> None:
    """Rows of these tables alone are enough here."""
    for table in tables:
        for key in sa.inspect(connection).get_foreign_keys(table):
            connection.execute(sa.text(f"ALTER TABLE {table} DROP CONSTRAINT {key['name']}"))


def _filled(table: sa.Table, **values: object) -> dict[str, object]:
    """A row of a reflected table: what must not be empty and is not given holds anything of its type."""
    needed = {
        column.name: FILLERS[column.type.python_type]
        for column in table.columns
        if not column.nullable and column.server_default is None and column.name != "id"
    }
    return needed | values


FORMS: Sequence[tuple[str | None, Sequence[str], tuple[str | None, int | None, bool]]] = (
    ("opened", ["assessment.opened"], ("open", 7, False)),
    ("missed", ["assessment.opened", "assessment.missed"], ("missed", 8, False)),
    (None, ["assessment.opened"], ("open", 7, False)),
    ("opened", ["assessment.opened", "assessment.completed"], ("submitted", 8, True)),
    (None, [], (None, None, True)),
    (None, ["assessment.excused"], ("excused", 7, False)),
)
"""What a form was announced as, its events, and what is known of it afterwards: state, window, asleep."""


def _store_forms(connection: sa.Connection, moment: object) -> None:
    """Each form with its events, as a database of revision 0003 has them."""
    tables = sa.MetaData()
    tables.reflect(connection, only=["slot", "feed_event"])
    slot, event = tables.tables["slot"], tables.tables["feed_event"]
    for number, (announced, types, _expected) in enumerate(FORMS, start=1):
        row = _filled(slot, public_id=f"s{number}", visit=f"V{number}", announced=announced)
        submission = {"submitted_at": moment} if "assessment.completed" in types else {}
        connection.execute(slot.insert(), [row | submission | {"version": len(types), "study_id": 1}])
        for seq, type_ in enumerate(types, start=1):
            line = json.dumps({"data": {"slot": {"window_version": seq + 6}}})
            values = {"seq": number * 10 + seq, "type": type_, "ref": f"s{number}", "line": line}
            connection.execute(event.insert(), [_filled(event, study_id=1, **values)])
    connection.commit()


@pytest.mark.req("EDC-04")
def test_what_was_said_last_is_taken_from_the_feed(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    on_sqlite = engine.dialect.name == "sqlite"
    moment: object = "2026-03-02 00:00:00.000000" if on_sqlite else AT
    day: object = "2026-03-02" if on_sqlite else AT.date()
    FILLERS.update({datetime: moment, date: day})
    with engine.connect() as connection:
        _upgrade(connection, "0003")
        if not on_sqlite:
            _drop_foreign_keys(connection, "slot", "feed_event")
        _store_forms(connection, moment)
        _upgrade(connection, "0004")
        rows = connection.execute(
            sa.text("SELECT published_state, published_window, wake_at IS NULL FROM slot ORDER BY id")
        ).all()
    engine.dispose()
    assert [(state, window, bool(asleep)) for state, window, asleep in rows] == [
        expected for _announced, _types, expected in FORMS
    ]
    migrate_database(database_url)
