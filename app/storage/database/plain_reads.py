"""Reads of the busiest pages: compiled once for each database, and run by its driver for plain tuples.

SQLAlchemy finds a compiled statement by all of its parts, and makes an object of each row, at each execution.
Of a long statement that is most of what a page costs, and several times what the driver needs to run it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql import visitors

from app.storage.database.faults import raise_if_unavailable

BoundValues = Mapping[str, Any]
_ColumnProcessor = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as a driver takes it.

    `single` and `listed` are its parameters by the values that they take, `listed` with a place in a list;
    `constants` those that stand in the statement. `order` is None where they are named. `results` are the
    columns whose values are not what they are read as.
    """

    text: str
    constants: BoundValues
    single: tuple[tuple[str, str, _ColumnProcessor | None], ...]
    listed: tuple[tuple[str, str, int, _ColumnProcessor | None], ...]
    order: tuple[str, ...] | None
    results: tuple[tuple[int, _ColumnProcessor], ...]

    def bind(self, values: BoundValues) -> BoundValues | tuple[Any, ...]:
        """The parameters of one execution."""
        bound = dict(self.constants)
        for name, source, process in self.single:
            bound[name] = values[source] if process is None else process(values[source])
        for name, source, index, process in self.listed:
            value = values[source][index]
            bound[name] = value if process is None else process(value)
        return bound if self.order is None else tuple([bound[name] for name in self.order])

    def read(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
        """The rows as the columns' types have them."""
        if not self.results:
            return rows
        lists = [list(row) for row in rows]
        for index, process in self.results:
            for row in lists:
                row[index] = process(row[index])
        return list(map(tuple, lists))


class PlainRead:
    """A statement that reads, with all of its values under their names; what is constant is written out."""

    def __init__(self, statement: sa.SelectBase) -> None:
        self.statement = statement
        bound = [part for part in visitors.iterate(statement) if isinstance(part, sa.BindParameter)]
        for part in bound:
            # A constant that is bound is sent and typed anew each time.
            part.literal_execute = part.unique and isinstance(part.value, str | int)
        self._lists = tuple(sorted({part.key for part in bound if part.expanding}))
        self._texts: dict[tuple[object, ...], _Text] = {}

    def fetch(self, connection: Connection, values: BoundValues) -> Sequence[tuple[Any, ...]]:
        """All rows, in the transaction of this connection if one has begun.

        Whoever listens to statements hears this one too.
        Raises DatabaseUnavailable, and otherwise what the driver raises.
        """
        text = self._text(connection.dialect, values)
        bound, driver = text.bind(values), connection.connection
        plain: Any = driver.dbapi_connection
        try:
            cursor = plain.reading_cursor(text.text)
            connection.dispatch.before_cursor_execute(connection, cursor, text.text, bound, None, False)
            cursor.execute(text.text, bound)
            rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
            connection.dispatch.after_cursor_execute(connection, cursor, text.text, bound, None, False)
        except connection.dialect.loaded_dbapi.Error as error:
            if connection.dialect.is_disconnect(error, driver, None):
                connection.invalidate(error)
            raise_if_unavailable(error)
            raise
        return text.read(rows)

    def _text(self, dialect: Dialect, values: BoundValues) -> _Text:
        """The text for this database and lists as long as these."""
        key: tuple[object, ...] = (
            dialect.name,
            *[len(values[name]) for name in self._lists if name in values],
        )
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = _compile(self.statement, dialect, values)
        return text


def _compile(statement: sa.SelectBase, dialect: Dialect, values: BoundValues) -> _Text:
    compiled = statement.compile(dialect=dialect)
    state = compiled.construct_expanded_state(values, escape_names=False)
    processors = {
        name: bound.type.dialect_impl(dialect).bind_processor(dialect)
        for name, bound in compiled.binds.items()
    }
    places = {
        name: (source, index)
        for source, names in state.parameter_expansion.items()
        for index, name in enumerate(names)
    }
    constants, single, listed = {}, [], []
    for name, value in state.parameters.items():
        source, index = places.get(name, (name, None))
        process = processors[source]
        if source not in values:
            constants[name] = value if process is None else process(value)
        elif index is None:
            single.append((name, source, process))
        else:
            listed.append((name, source, index, process))
    columns = enumerate(statement.selected_columns)
    results = [
        (index, each.type.dialect_impl(dialect).result_processor(dialect, None)) for index, each in columns
    ]
    return _Text(
        state.statement,
        constants,
        tuple(single),
        tuple(listed),
        tuple(state.positiontup) if state.positiontup is not None else None,
        tuple((index, process) for index, process in results if process is not None),
    )
