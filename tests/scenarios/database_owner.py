"""Somebody with the database's keys, who switches its guards off and changes what they like."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.storage.proof.row_facts import plain_type
from app.storage.tables.columns import metadata

FAR = 100_000
"""Added to a number, so that it meets no other row's."""


@dataclass(frozen=True)
class DatabaseOwner:
    """A connection on which no trigger, key or check stands in the way any more."""

    connection: Connection

    def rows(self, table: sa.Table) -> list[Mapping[str, Any]]:
        """The rows of a table, those with most values first."""
        rows = [dict(row) for row in self.connection.execute(sa.select(table)).mappings()]
        self.connection.commit()
        return sorted(rows, key=lambda row: -sum(value is not None for value in row.values()))

    def run(self, statement: sa.Executable | str) -> None:
        """Run a statement that changes something."""
        words = sa.text(statement) if isinstance(statement, str) else statement
        assert self.connection.execute(words).rowcount != 0
        self.connection.commit()


@contextmanager
def open_without_guards(url: sa.URL) -> Iterator[DatabaseOwner]:
    """The owner at an address, once every guard of the database is down."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            _open_sqlite(connection)
        else:
            _open_postgresql(connection)
        connection.commit()
        yield DatabaseOwner(connection)
    engine.dispose()


def other_value(column: sa.Column[Any], value: Any) -> Any:  # noqa: ANN401 - a value of any column
    """Another value that a column could have."""
    kind = plain_type(column)
    if isinstance(kind, sa.JSON):
        return [value]
    if isinstance(kind, sa.Enum):
        return next(member for member in kind.python_type if member != value)
    if isinstance(kind, sa.Boolean):
        return not value
    if isinstance(kind, sa.Integer):
        return (value or 0) + FAR
    if isinstance(kind, sa.String):
        return f"x{value or ''}"[: kind.length]
    return _later(kind, value)


def _later(kind: sa.types.TypeEngine[Any], value: datetime | date | None) -> datetime | date:
    if value is not None:
        return value + (timedelta(seconds=1) if isinstance(value, datetime) else timedelta(days=FAR // 3))
    when = datetime.fromisoformat("2136-03-05T02:00:00+00:00")
    return when.date() if isinstance(kind, sa.Date) else when


def _open_sqlite(connection: Connection) -> None:
    connection.execute(sa.text("PRAGMA ignore_check_constraints = ON"))
    names = connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
    for name in list(names):
        connection.execute(sa.text(f"DROP TRIGGER {name}"))


def _open_postgresql(connection: Connection) -> None:
    for table in metadata.tables:
        connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    free = sa.text(
        "SELECT conrelid::regclass AS of_table, conname AS name FROM pg_constraint"
        " WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace"
    )
    for row in connection.execute(free).all():
        connection.execute(sa.text(f"ALTER TABLE {row.of_table} DROP CONSTRAINT {row.name}"))
