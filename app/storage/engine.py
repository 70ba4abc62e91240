"""Engines for both databases: SQLite embedded, PostgreSQL in production."""

import re
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

WRITES = "daybook_writes"
"""Connection option of the unit of work; without it a connection may only read."""

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "trusted_schema=OFF",
    "recursive_triggers=ON",
)

_READS = frozenset({"SELECT", "BEGIN", "PRAGMA", "EXPLAIN", "SHOW"})
_CHANGES = re.compile(r"\b(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)


class WriteRefused(RuntimeError):
    """Code tried to change the database outside a unit of work, or around it."""


def open_engine(url: str, pool_size: int = 10) -> Engine:
    """An engine on which nothing but a unit of work may write (AUD-01)."""
    address = sa.make_url(url)
    # hide_parameters: an error of the database must never carry an answer into a log (PRI-06).
    if address.get_backend_name() == "sqlite":
        engine = sa.create_engine(address, connect_args={"timeout": 5}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = sa.create_engine(address, pool_size=pool_size, max_overflow=pool_size, hide_parameters=True)
    event.listen(engine, "before_cursor_execute", _refuse_unaudited)
    return engine


def reading(engine: Engine) -> Engine:
    """The same pool for reads only; PostgreSQL itself enforces it (SEC-04)."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(postgresql_readonly=True)


def writing(engine: Engine) -> Engine:
    """The same pool for a unit of work."""
    return engine.execution_options(**{WRITES: True})


@lru_cache(maxsize=8)
def saving(engine: Engine) -> Engine:
    """The same pool for reads followed by a single statement that is a transaction by itself.

    On PostgreSQL that spares the round trips of BEGIN and COMMIT; SQLite writes as always.
    """
    if engine.dialect.name == "sqlite":
        return writing(engine)
    return writing(engine).execution_options(isolation_level="AUTOCOMMIT")


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection has no type
    connection.isolation_level = None  # SQLAlchemy's begin event decides the kind of BEGIN
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A deferred BEGIN that later writes fails at once under contention; IMMEDIATE waits its turn.
    immediate = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _refuse_unaudited(
    connection: Connection, _cursor: object, statement: str, _values: object, _context: object, _many: bool
) -> None:
    word = statement.lstrip().split(None, 1)[0].upper()
    reads = word in _READS or (word == "WITH" and not _CHANGES.search(statement))
    if reads or connection.get_execution_options().get(WRITES):
        return
    raise WriteRefused(f"{word} outside a unit of work")
