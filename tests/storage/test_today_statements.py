"""The statements of Today: a subquery asks about the row of the statement around it, not about every row."""

import re

import pytest
from sqlalchemy.dialects import sqlite

from app.domain.today.reasons import Reason
from app.storage.queries.today.branches import SOURCES, shape_of
from tests.services.people import library

CROSSED = re.compile(r"EXISTS \(SELECT [^()]*? FROM [^()]*?,[^()]*? WHERE")


@pytest.mark.parametrize("reason", SOURCES)
def test_no_subquery_reads_a_table_of_the_statement_around_it_anew(reason: Reason) -> None:
    """SQLAlchemy correlates one step out by itself; two steps must be told."""
    shape = shape_of(library().plan("sbrt-nsclc", "1.0"), hides_arm=True, filtered=False)
    text = " ".join(str(SOURCES[reason](shape).compile(dialect=sqlite.dialect())).split())
    assert CROSSED.search(text) is None
