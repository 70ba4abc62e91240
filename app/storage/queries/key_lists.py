"""A list of keys as one parameter, so that a statement is the same however many keys it is given; keysets."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class _KeyList(sa.TypeDecorator[Sequence[int]]):
    """Keys of rows: an array in PostgreSQL, a JSON document in SQLite; sent as one text to both.

    The driver would write a list element by element, which is a tenth of what a page of fifty people calls.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> str:
        keys = ",".join(map(str, value or ()))
        return f"{{{keys}}}" if dialect.name == "postgresql" else f"[{keys}]"


class _Among(sa.sql.functions.FunctionElement[bool]):
    """Whether a column is one of the keys of a list."""

    type = sa.Boolean()
    inherit_cache = True
    name = "among"


@compiles(_Among)
def _among(element: _Among, compiler: SQLCompiler, **options: object) -> str:
    column, keys = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY (CAST({keys} AS BIGINT[]))"


@compiles(_Among, "sqlite")
def _among_in_sqlite(element: _Among, compiler: SQLCompiler, **options: object) -> str:
    column, keys = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 - a column and a parameter


def is_among(column: sa.orm.Mapped[Any], name: str) -> sa.ColumnElement[bool]:
    """That this column is one of the keys in the parameter of this name."""
    among: sa.ColumnElement[bool] = _Among(column, sa.bindparam(name, type_=_KeyList()))
    return among


def lies_after(*order: tuple[sa.SQLColumnExpression[Any], object, bool]) -> sa.ColumnElement[bool]:
    """Whether a row comes after a place of a list: by each column of its order, its value, descending."""
    further = (
        sa.and_(
            *(column == value for column, value, _descends in order[:number]),
            column < value if descends else column > value,
        )
        for number, (column, value, descends) in enumerate(order)
    )
    return sa.or_(*further)
