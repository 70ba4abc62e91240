"""A cursor of the driver that takes a long statement apart once, not at each execution.

The driver remembers how it turned a statement's placeholders into the server's only up to 4,096 characters,
because longer ones are seldom the same twice. Ours are few and the same all day: to take the work list's
apart anew cost more than to run it.
"""

from typing import Any

from psycopg import Cursor
from psycopg._queries import PostgresQuery, _query2pg
from psycopg.abc import Params, Query


class _ConvertedOnce(PostgresQuery):
    __slots__ = ()

    def convert(self, query: Query, vars: Params | None) -> None:  # noqa: A002 - the driver's name
        if vars is None or not isinstance(query, str):
            super().convert(query, vars)
            return
        converted = _query2pg(query.encode(self._tx.encoding), self._tx.encoding)
        self.query, self._want_formats, self._order, self._parts = converted
        self.dump(vars)


class LongStatementCursor(Cursor[Any]):
    """The driver's cursor with a memory for statements of any length."""

    _query_cls = _ConvertedOnce
