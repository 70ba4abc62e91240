"""The statements of Today: a subquery asks about the row of the statement around it, not about every row."""

import re

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from app.domain.today.reasons import Reason
from app.storage.queries.today import people
from app.storage.queries.today.branches import SOURCES, TodayShape, shape_of
from tests.scenarios.people import library

CROSSED = re.compile(r"EXISTS \(SELECT [^()]*? FROM [^()]*?,[^()]*? WHERE")
DIARY_COUNT = re.compile(r"daily_missed|weekly_missed")
SHAPES = {
    "diary": shape_of(
        [library().get_plan("sbrt-nsclc", "1.0")], hides_arm=True, filtered=False, whole_study=False
    ),
    "no diary": TodayShape((), hides_arm=True, filtered=False, whole_study=True),
}


def text_of(statement: sa.Select[tuple[object, ...]]) -> str:
    return " ".join(str(statement.compile(dialect=sqlite.dialect())).split())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reason", SOURCES)
def test_no_subquery_reads_a_table_of_the_statement_around_it_anew(reason: Reason, shape: str) -> None:
    """SQLAlchemy correlates one step out by itself; two steps must be told."""
    assert CROSSED.search(text_of(SOURCES[reason](SHAPES[shape]))) is None


@pytest.mark.parametrize("shape", SHAPES)
def test_only_where_there_is_a_diary_are_its_entries_counted(shape: str) -> None:
    statement = text_of(people.people_statement(SHAPES[shape]))
    assert bool(DIARY_COUNT.search(statement)) is (shape == "diary")
