"""What both databases can say of times and of JSON documents, but not in the same words."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction

from app.storage.engine import SQLITE_LOCAL_DAY

_Call = FunctionElement[Any]


def _inside(element: _Call, compiler: SQLCompiler, options: Mapping[str, object]) -> str:
    return compiler.process(element.clauses, **options)


class epoch_seconds(FunctionElement[int]):  # noqa: N801 - it reads as a function of the database
    """The whole seconds of a moment since 1970."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(epoch_seconds, "postgresql")
def _seconds_postgresql(element: _Call, compiler: SQLCompiler, **options: object) -> str:
    return f"CAST(floor(extract(epoch FROM {_inside(element, compiler, options)})) AS BIGINT)"


@compiles(epoch_seconds, "sqlite")
def _seconds_sqlite(element: _Call, compiler: SQLCompiler, **options: object) -> str:
    return f"CAST(strftime('%s', {_inside(element, compiler, options)}) AS INTEGER)"


class local_days_between(FunctionElement[int]):  # noqa: N801 - it reads as a function of the database
    """Whole days from a day to another one or, where that is NULL, to the local day of a moment.

    Clauses: (other day, moment, zone, day).
    """

    type = sa.Integer()
    inherit_cache = True


@compiles(local_days_between, "postgresql")
def _days_postgresql(element: _Call, compiler: SQLCompiler, **options: object) -> str:
    other, moment, zone, day = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(COALESCE({other}, CAST({moment} AT TIME ZONE {zone} AS DATE)) - {day})"


@compiles(local_days_between, "sqlite")
def _days_sqlite(element: _Call, compiler: SQLCompiler, **options: object) -> str:
    other, moment, zone, day = (compiler.process(clause, **options) for clause in element.clauses)
    answered = f"COALESCE({other}, {SQLITE_LOCAL_DAY}({moment}, {zone}))"
    return f"CAST(julianday({answered}) - julianday({day}) AS INTEGER)"


class has_score(FunctionElement[bool]):  # noqa: N801 - it reads as a function of the database
    """Whether a response's list of scores holds a value, or is empty because the instrument has no scales."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(has_score, "postgresql")
def _scored_postgresql(element: _Call, compiler: SQLCompiler, **options: object) -> str:
    scores = _inside(element, compiler, options)
    return f"({scores} = '[]'::jsonb OR jsonb_path_exists({scores}, '$[*] ? (@.value != null)'))"


@compiles(has_score, "sqlite")
def _scored_sqlite(element: _Call, compiler: SQLCompiler, **options: object) -> str:
    scores = _inside(element, compiler, options)
    every = f"json_each({scores}) AS scale WHERE json_extract(scale.value, '$.value') IS NOT NULL"
    return f"(json_array_length({scores}) = 0 OR EXISTS (SELECT 1 FROM {every}))"  # noqa: S608 - of columns


class each_answer(GenericFunction[Any]):  # noqa: N801 - it reads as a function of the database
    """Answers of a response, a row for each item: `key`, and a `value` of NULL where it was left blank."""

    inherit_cache = True


@compiles(each_answer, "postgresql")
def _answers_postgresql(element: _Call, compiler: SQLCompiler, **options: object) -> str:
    return f"jsonb_each_text({_inside(element, compiler, options)})"


@compiles(each_answer, "sqlite")
def _answers_sqlite(element: _Call, compiler: SQLCompiler, **options: object) -> str:
    return f"json_each({_inside(element, compiler, options)})"
