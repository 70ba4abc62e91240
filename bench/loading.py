"""Loads rows, written as text for COPY, into a database of either kind, as its owner."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any, Protocol

import psycopg
import sqlalchemy as sa

from app.storage.tables.columns import metadata

_BLOCK = 2000
_NULL = r"\N"


class Loader(Protocol):
    """Loads rows into the tables of a trial."""

    def copy(self, table: str, columns: str, rows: Iterator[str]) -> None: ...

    def execute(self, statement: str) -> None: ...


@dataclass(frozen=True, slots=True)
class PostgresLoader:
    """COPY over a connection of the owner."""

    conninfo: str

    def copy(self, table: str, columns: str, rows: Iterator[str]) -> None:
        statement = f"COPY {table} ({columns}) FROM STDIN".encode()
        with psycopg.connect(self.conninfo) as connection, connection.cursor().copy(statement) as loading:
            for block in _blocks(rows):
                loading.write("".join(block))

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())


@dataclass(frozen=True, slots=True)
class SqliteLoader:
    """Prepared inserts: SQLite has no COPY."""

    url: str

    def copy(self, table: str, columns: str, rows: Iterator[str]) -> None:
        target = metadata.tables[table]
        names = columns.split(",")
        readers = [_reader(target.c[name].type) for name in names]
        engine = sa.create_engine(self.url)
        with engine.begin() as connection:
            for block in _blocks(rows):
                lines = [line.rstrip("\n").split("\t") for line in block]
                values = [[read(cell) for read, cell in zip(readers, line, strict=True)] for line in lines]
                connection.execute(
                    sa.insert(target), [dict(zip(names, each, strict=True)) for each in values]
                )
        engine.dispose()

    def execute(self, statement: str) -> None:
        engine = sa.create_engine(self.url)
        with engine.begin() as connection:
            connection.execute(sa.text(statement))
        engine.dispose()


def _blocks(rows: Iterator[str]) -> Iterator[list[str]]:
    while block := list(islice(rows, _BLOCK)):
        yield block


def _reader(column: sa.types.TypeEngine[Any]) -> Callable[[str], object]:
    """The function that converts a cell's text to the type of the column."""
    plain = column.impl_instance if isinstance(column, sa.types.TypeDecorator) else column
    kind = plain.python_type
    special: dict[type, Callable[[str], object]] = {
        bool: lambda cell: cell == "t",
        datetime: datetime.fromisoformat,
        date: date.fromisoformat,
    }
    read = special.get(kind, kind)
    return lambda cell: None if cell == _NULL else read(cell)
