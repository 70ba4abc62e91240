"""Engines for both databases: SQLite embedded, PostgreSQL in production."""

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

WRITES = "daybook_writes"
"""Connection option of the unit of work; without it a connection may only read."""

_SAVING = "daybook_saving"
"""Engine option: the pool of the hot paths, beside the one of everything else."""

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
        beside = _at_once(address, pool_size)
        engine = sa.create_engine(
            address,
            pool_size=pool_size,
            max_overflow=pool_size,
            hide_parameters=True,
            execution_options={_SAVING: beside},
        )
        event.listen(engine, "engine_disposed", lambda _engine: beside.dispose())
    event.listen(engine, "before_cursor_execute", _refuse_unaudited)
    return engine


def read_only(engine: Engine) -> Engine:
    """The same pool for reads only; PostgreSQL itself enforces it (SEC-04)."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(postgresql_readonly=True)


def writing(engine: Engine) -> Engine:
    """The same pool for a unit of work."""
    return engine.execution_options(**{WRITES: True})


def saving(engine: Engine) -> Engine:
    """For reads followed by a single statement that is a transaction by itself.

    On PostgreSQL that spares the round trips of BEGIN and COMMIT; SQLite writes as always.
    """
    beside: Engine | None = engine.get_execution_options().get(_SAVING)
    return beside or writing(engine)


def _at_once(address: sa.URL, pool_size: int) -> Engine:
    """Connections that are in autocommit for good: to switch one there and back costs as much as a save."""
    engine = sa.create_engine(
        address,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        execution_options={WRITES: True},
    )
    event.listen(engine, "before_cursor_execute", _refuse_unaudited)
    return engine


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
