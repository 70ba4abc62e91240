"""Statements compiled once for each database, and run by its driver.

SQLAlchemy finds a compiled statement by all of its parts, and makes several objects, at each execution. Of a
long statement that is most of what a request costs, and several times what the driver needs to run it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from app.storage.database.faults import raise_if_unavailable

BoundValues = Mapping[str, Any]
_ColumnProcessor = Callable[[Any], Any]
_Taken = TypeVar("_Taken")


@dataclass(frozen=True, slots=True)
class CompiledText:
    """A statement as a driver takes it.

    `single` and `listed` are its parameters by the values that they take, `listed` with a place in a list;
    `constants` those that stand in the statement. `order` is None where they are named. `results` are the
    columns whose values are not what they are read as; `compiled` is the statement, where it writes.
    """

    text: str
    constants: BoundValues
    single: tuple[tuple[str, str, _ColumnProcessor | None], ...]
    listed: tuple[tuple[str, str, int, _ColumnProcessor | None], ...]
    order: tuple[str, ...] | None
    results: tuple[tuple[int, _ColumnProcessor], ...]
    compiled: SQLCompiler | None = None

    def bind_values(self, values: BoundValues) -> BoundValues | tuple[Any, ...]:
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


class PlainContext(NamedTuple):
    """What the guard of a connection asks of an execution that writes: how it is built, and its values."""

    compiled: SQLCompiler
    compiled_parameters: tuple[BoundValues]


def run_plainly(
    connection: Connection, text: CompiledText, values: BoundValues, take: Callable[[Any], _Taken]
) -> _Taken:
    """What `take` makes of the driver's cursor once it ran this statement, in the transaction that has begun.

    Whoever listens to the statements of an engine hears this one too, the guard of the connection among them.
    Raises DatabaseUnavailable, and otherwise what the driver raises.
    """
    bound, driver, heard = text.bind_values(values), connection.connection, connection.engine.dispatch
    plain: Any = driver.dbapi_connection
    context = None if text.compiled is None else PlainContext(text.compiled, (values,))
    try:
        cursor = plain.cached_cursor(text.text)
        heard.before_cursor_execute(connection, cursor, text.text, bound, context, False)
        cursor.execute(text.text, bound)
        taken = take(cursor)
        heard.after_cursor_execute(connection, cursor, text.text, bound, context, False)
    except connection.dialect.loaded_dbapi.Error as error:
        if connection.dialect.is_disconnect(error, driver, None):
            connection.invalidate(error)
        raise_if_unavailable(error)
        raise
    return taken


def compile_plainly(
    statement: sa.SelectBase | sa.UpdateBase, dialect: Dialect, values: BoundValues
) -> CompiledText:
    """The text of a statement for this database, with lists as long as those of these values."""
    compiled: Any = statement.compile(dialect=dialect)
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
    reads = isinstance(statement, sa.SelectBase)
    columns = enumerate(statement.selected_columns if isinstance(statement, sa.SelectBase) else ())
    results = [
        (index, column.type.dialect_impl(dialect).result_processor(dialect, None))
        for index, column in columns
    ]
    return CompiledText(
        state.statement,
        constants,
        tuple(single),
        tuple(listed),
        tuple(state.positiontup) if state.positiontup is not None else None,
        tuple((index, process) for index, process in results if process is not None),
        None if reads else compiled,
    )
