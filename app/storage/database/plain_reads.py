"""Reads of the busiest pages: compiled once for each database, and run by its driver for plain tuples."""

from collections.abc import Sequence
from operator import methodcaller
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql import visitors

from app.storage.database.plain_statements import BoundValues, CompiledText, compile_plainly, run_plainly

_take_all = methodcaller("fetchall")


class PlainRead:
    """A statement that reads, with all of its values under their names; what is constant is written out."""

    def __init__(self, statement: sa.SelectBase) -> None:
        self.statement = statement
        bound = [part for part in visitors.iterate(statement) if isinstance(part, sa.BindParameter)]
        for part in bound:
            # A constant that is bound is sent and typed anew each time.
            part.literal_execute = part.unique and isinstance(part.value, str | int)
        self._lists = tuple(sorted({part.key for part in bound if part.expanding}))
        self._texts: dict[tuple[object, ...], CompiledText] = {}

    def fetch(self, connection: Connection, values: BoundValues) -> Sequence[tuple[Any, ...]]:
        """All rows, in the transaction of this connection if one has begun; raises as `run_plainly`."""
        text = self._text(connection.dialect, values)
        return text.read(run_plainly(connection, text, values, _take_all))

    def _text(self, dialect: Dialect, values: BoundValues) -> CompiledText:
        """The text for this database and lists as long as these."""
        key: tuple[object, ...] = (
            dialect.name,
            *[len(values[name]) for name in self._lists if name in values],
        )
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = compile_plainly(self.statement, dialect, values)
        return text
