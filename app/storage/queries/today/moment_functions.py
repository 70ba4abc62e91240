"""Functions of moments that the work list compares by, as each database spells them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from app.storage.tables.schedule import Slot


class HalfGone(sa.sql.functions.FunctionElement[bool]):
    """Whether half of the time between two moments is over at the whole second of a third."""

    type = sa.Boolean()
    inherit_cache = True
    name = "half_gone"


@compiles(HalfGone)
def _half_gone(element: HalfGone, compiler: SQLCompiler, **options: object) -> str:
    opens, closes, now = (compiler.process(clause, **options) for clause in element.clauses)
    second = f"date_trunc('second', {now})"
    return f"({second} - {opens} >= {closes} - {second})"


@compiles(HalfGone, "sqlite")
def _half_gone_in_sqlite(element: HalfGone, compiler: SQLCompiler, **options: object) -> str:
    opens, closes, now = (
        f"strftime('%s', {compiler.process(clause, **options)})" for clause in element.clauses
    )
    return f"({now} * 2 >= {opens} + {closes})"


class DaysAfter(sa.sql.functions.FunctionElement[datetime]):
    """The moment so many times 24 hours after another, or before it, to the microsecond."""

    type = sa.inspect(Slot).columns.closes_at.type
    inherit_cache = True
    name = "days_after"


@compiles(DaysAfter)
def _days_after(element: DaysAfter, compiler: SQLCompiler, **options: object) -> str:
    since, days = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({since} + {days} * interval '24 hours')"


@compiles(DaysAfter, "sqlite")
def _days_after_in_sqlite(element: DaysAfter, compiler: SQLCompiler, **options: object) -> str:
    since, days = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(strftime('%Y-%m-%d %H:%M:%S', {since}, {days} || ' days') || substr({since}, 20))"
