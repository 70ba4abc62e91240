"""What every table has in common."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlmodel import SQLModel

from app.storage.proof.row_facts import plain_type
from app.storage.queries.participant_records import require_value
from app.storage.tables.columns import Moment, metadata


def _table_classes() -> list[type[SQLModel]]:
    return [mapper.class_ for mapper in SQLModel._sa_registry.mappers]


def test_the_key_of_a_row_is_never_optional() -> None:
    numbered = [kind for kind in _table_classes() if "id" in kind.model_fields]
    assert len(numbered) > 30
    assert [kind.__name__ for kind in numbered if kind.model_fields["id"].annotation is not int] == []


@pytest.mark.req("TIM-01")
def test_every_stored_moment_is_utc_and_none_is_taken_without_its_zone() -> None:
    moments = [
        column
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(plain_type(column), sa.DateTime)
    ]
    assert len(moments) > 100
    assert [str(column) for column in moments if not isinstance(column.type, Moment)] == []
    for dialect in (sqlite.dialect(), psycopg.dialect()):  # type: ignore[no-untyped-call]  # they declare no types
        store = Moment().bind_processor(dialect)
        assert store is not None
        assert str(store(datetime(2026, 3, 1, 8, tzinfo=ZoneInfo("Asia/Shanghai")))).startswith(
            "2026-03-01 00:00:00"
        )
        with pytest.raises(ValueError, match="timezone"):
            store(datetime(2026, 3, 1))  # noqa: DTZ001 - what is refused


def test_a_column_that_a_line_must_have_is_refused_empty() -> None:
    assert require_value(0) == 0
    with pytest.raises(ValueError, match="is empty"):
        require_value(None)
