"""Reads that bypass SQLAlchemy's execution say what it says, are heard, and fail under the same names.

Rows that come as one document for each record are those that come one by one.
"""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from app.domain.refusal import DatabaseUnavailable
from app.domain.today.reasons import Reason
from app.storage.database.grouped_reads import BundledRead, GroupedRead, PairedRead, cache_document_rows
from app.storage.database.plain_reads import PlainRead
from app.storage.tables.columns import Moment, enum_type, json_type
from tests.statement_log import record_statements

NOW = datetime(2026, 11, 30, 5, 6, 7, 89, UTC)
_VALUES = sa.select(
    sa.cast(sa.bindparam("at", type_=Moment()), Moment()).label("at"),
    sa.bindparam("on", type_=sa.Date()).label("on"),
    sa.bindparam("reason", type_=enum_type(Reason)).label("reason"),
    sa.cast(sa.bindparam("document", type_=json_type()), json_type()).label("document"),
    sa.literal("100%").label("share"),
    sa.literal(Reason.call, enum_type(Reason)).label("other"),
    sa.bindparam("number", type_=sa.Integer).in_(sa.bindparam("some", expanding=True)).label("among"),
    sa.bindparam("number", type_=sa.Integer).in_([7, 8]).label("fixed"),
)


_VALUE = {"at": NOW, "on": date(2026, 2, 28), "reason": Reason.diary, "document": {"a": [1]}, "number": 4}
_ABSENT: sa.Select[tuple[object]] = sa.select(sa.column("x")).select_from(sa.table("nowhere"))


def test_values_of_every_type_come_as_they_do_by_sqlalchemy(engine: Engine) -> None:
    read = PlainRead(_VALUES)
    with engine.connect() as connection:
        for some in ([], [1], [3, 4], [4]):
            values = _VALUE | {"some": some}
            with record_statements(engine) as statements:
                row = connection.execute(_VALUES, values).one()
                assert [read.fetch(connection, values) for _again in range(2)] == [[tuple(row)]] * 2
            assert len(statements) == 3
            assert (row.at, row.reason, row.share, bool(row.among)) == (NOW, Reason.diary, "100%", 4 in some)


def test_what_fails_is_named_and_a_lost_connection_is_never_used_again(engine: Engine) -> None:
    driver = engine.dialect.loaded_dbapi.Error
    with engine.connect() as connection:
        connection.begin()
        with pytest.raises(driver, match="nowhere"):
            PlainRead(_ABSENT).fetch(connection, {})
        assert not connection.invalidated
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.close()
        with pytest.raises((DatabaseUnavailable, driver)):
            PlainRead(_ABSENT).fetch(connection, {})
        assert connection.invalidated


_TEXT = 'He said: "5 < 6",\n\\ and \u200f\x1f\u4e00 \U0001f600'


def _line(key: int, position: int, text: str | None) -> sa.Select[tuple[object, ...]]:
    number = sa.literal_column(str(key), sa.Integer).label("key")
    there = sa.literal(text, sa.String).label("text")
    chosen = (_VALUES.selected_columns[name] for name in ("at", "on", "reason", "document", "among"))
    missing = (sa.null().cast(Moment()).label("never"), sa.literal(position > 1).label("late"))
    return sa.select(
        number, there, *chosen, *missing, sa.literal_column(str(position), sa.Integer).label("place")
    )


def test_rows_of_a_record_are_those_that_come_one_by_one_and_the_same_ones_as_long_as_they_are_alike(
    engine: Engine,
) -> None:
    lines = [_line(7, 2, _TEXT), _line(7, 1, None), _line(8, 3, "")]
    statement = sa.union_all(*lines)
    grouped = GroupedRead(statement, tuple, sorted_by=1, memory=cache_document_rows(2))
    plain = PlainRead(statement)
    with engine.connect() as connection:
        values = _VALUE | {"some": [4]}
        grouped_rows = grouped.fetch(connection, values)
        rows = sorted(plain.fetch(connection, values), key=lambda row: row[-1])
        assert {key: list(group) for key, group in grouped_rows.items()} == {
            7: [row[:-1] for row in rows[:2]],
            8: [row[:-1] for row in rows[2:]],
        }
        again, later = grouped.fetch(connection, values), grouped.fetch(connection, values | {"number": 5})
        assert all(again[key] is group for key, group in grouped_rows.items())
        assert all(
            later[key] != group and list(later[key]) != list(group) for key, group in grouped_rows.items()
        )
        assert grouped_rows[7] != grouped.fetch(connection, values)[7]  # only so many are remembered


def test_two_reads_in_one_statement_find_what_each_finds_of_the_records_of_the_first(engine: Engine) -> None:
    one = GroupedRead(sa.union_all(_line(7, 1, "a"), _line(8, 1, "b")), tuple, memory=cache_document_rows(4))
    two = GroupedRead(
        sa.union_all(_line(7, 2, "c"), _line(7, 1, "d"), _line(9, 1, "e")),
        tuple,
        sorted_by=1,
        memory=cache_document_rows(4),
    )
    values = _VALUE | {"some": [4]}
    with engine.connect() as connection:
        rows = PairedRead(one, two).fetch(connection, values)
        assert rows.keys() == {7, 8}
        assert {key: list(first) for key, (first, _second) in rows.items()} == {
            key: list(first) for key, first in one.fetch(connection, values).items()
        }
        assert rows[7][1] is two.fetch(connection, values)[7]
        assert list(rows[8][1]) == []


def test_small_reads_in_one_statement_find_what_each_finds_by_itself(engine: Engine) -> None:
    reads = [
        GroupedRead(_line(0, position, f"{position}"), tuple, memory=cache_document_rows(4))
        for position in (1, 2)
    ]
    nothing = GroupedRead(_line(0, 3, "c").where(sa.false()), tuple, memory=cache_document_rows(4))
    values = _VALUE | {"some": [4]}
    with engine.connect() as connection:
        first, none, second = BundledRead(reads[0], nothing, reads[1]).fetch(connection, values)
        assert list(none) == []
        assert [first, second] == [read.fetch(connection, values)[0] for read in reads]


def test_reads_that_share_a_memory_keep_so_many_groups_together_and_none_of_each_other(
    engine: Engine,
) -> None:
    memory = cache_document_rows(2)
    one, two = (GroupedRead(_line(7, 1, "a"), make, memory=memory) for make in (tuple, list))
    values = _VALUE | {"some": [4]}
    with engine.connect() as connection:
        first, other = (read.fetch(connection, values)[7] for read in (one, two))
        assert (type(first[0]), type(other[0])) == (tuple, list)
        assert one.fetch(connection, values)[7] is first
        one.fetch(connection, values | {"number": 5})
        assert two.fetch(connection, values)[7] is not other


def test_a_connection_of_postgresql_keeps_cursors_for_the_last_statements_alone(engine: Engine) -> None:
    with engine.connect() as connection:
        for number in range(30):
            read = PlainRead(sa.select(sa.literal_column(f"{number}", sa.Integer)))
            assert [read.fetch(connection, {}) for _again in range(2)] == [[(number,)]] * 2
        driver: Any = connection.connection.dbapi_connection
        first = driver.cached_cursor("first")
        keeps = connection.dialect.name == "postgresql"
        assert (driver.cached_cursor("first") is first) == keeps
        for number in range(24):
            driver.cached_cursor(f"{number}")
        assert driver.cached_cursor("first") is not first
