"""What an entry states of a row: only of tables that hold records, and of each of their columns."""

from datetime import UTC, datetime

import pytest

from app.storage.proof.row_facts import _ColumnsOf, proven_table
from app.storage.tables.columns import table_of
from app.storage.tables.staff import Throttle


def test_a_table_that_holds_no_record_is_not_proven() -> None:
    with pytest.raises(LookupError, match="audit_entry"):
        proven_table("audit_entry")


def test_a_row_is_read_by_the_names_of_its_columns() -> None:
    columns = _ColumnsOf(Throttle(subject="x", failures=2, since_at=datetime(2026, 3, 2, tzinfo=UTC)))
    assert list(columns) == [column.name for column in table_of(Throttle).columns]
    assert (len(columns), columns["failures"]) == (len(table_of(Throttle).columns), 2)
