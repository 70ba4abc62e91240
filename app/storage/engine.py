"""Engines for both databases: SQLite embedded, PostgreSQL in production. Private to storage but for opening.

Every connection is read-only by the database's own means (SQLite: `query_only` and an authorizer; PostgreSQL:
a read-only transaction) unless a unit of work or a hot statement opened it. And on a connection that may
write, nothing writes but inside `allow_writes`, which only the unit of work and the hot statements enter.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry

from app.domain.plans.windows import local_day
from app.domain.refusal import BadDefinition
from app.storage.database.faults import raise_if_unavailable
from app.storage.database.limits import (
    OVERFLOW,
    POOL_SECONDS,
    POOL_SIZE,
    STATEMENT_SECONDS,
    DatabasePool,
    check_connections_alive,
    postgresql_arguments,
    require_encryption,
)
from app.storage.database.sqlite_file import require_sqlite_file, sqlite_file

WRITES = "daybook_writes"
"""Connection option of a unit of work; without it the database itself refuses to write."""

_AUTOCOMMIT = "daybook_autocommit"
"""Engine option: the pool of the hot paths, beside the one of everything else."""

_ALLOWED = "daybook_allowed"
"""In a connection's info while a write is audited."""

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "recursive_triggers=ON",
    "query_only=ON",
)
BUSY_SECONDS = 5
"""How long SQLite waits for whoever else writes."""
SQLITE_LOCAL_DAY = "daybook_local_day"
"""The function by which statements ask SQLite for the local day of a moment."""
_STATEMENTS_KEPT = 512
"""Prepared statements a SQLite connection keeps: more than the program has."""

_SAFEGUARDS = frozenset(
    {
        "query_only",
        "foreign_keys",
        "ignore_check_constraints",
        "journal_mode",
        "recursive_triggers",
        "synchronous",
        "trusted_schema",
        "writable_schema",
    }
)
"""Pragmas of SQLite that no statement of the program may set."""

_SWITCHING = "daybook_switching"
"""In a connection's info: set while the engine itself switches `query_only`."""

_READS = frozenset({"SELECT", "BEGIN", "PRAGMA", "SHOW"})
_CARRIERS = frozenset({"WITH", "EXPLAIN"})
"""What begins with these reads, unless a change stands inside: PostgreSQL explains by doing it."""
_MODE_WORDS = frozenset({"SET", "RESET", "START", "COMMIT", "END", "ROLLBACK", "ABORT"})
"""Statements that could end a read-only transaction of PostgreSQL or make it another."""

_CHANGES = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)


class WriteRefused(RuntimeError):
    """Code tried to change the database outside a unit of work, or around it."""


def open_engine(
    url: str,
    pool_size: int = POOL_SIZE,
    *,
    statement_seconds: int = STATEMENT_SECONDS,
    encrypted: bool = False,
) -> Engine:
    """An engine on which nothing but a unit of work or a hot statement may write (AUD-01).

    Whatever is the database's own fault is raised as DatabaseUnavailable. `statement_seconds`: how long one
    statement may take, 0 for ever; `encrypted`: refuse a connection over TCP without TLS. Raises
    BadDefinition for what is no address.
    """
    address = parse_address(url)
    # hide_parameters: an error of the database must never carry an answer into a log (PRI-06).
    if address.get_backend_name() == "sqlite":
        return _open_sqlite_engine(address, pool_size)
    arguments = {"pool_size": pool_size, "pool_timeout": POOL_SECONDS, "poolclass": DatabasePool}
    # Connections that are in autocommit for good: to switch one there and back costs as much as a save.
    beside = sa.create_engine(
        address,
        max_overflow=0,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        connect_args=postgresql_arguments(statement_seconds),
        execution_options={WRITES: True},
        **arguments,
    )
    engine = sa.create_engine(
        address,
        max_overflow=OVERFLOW,
        hide_parameters=True,
        connect_args=postgresql_arguments(statement_seconds, "default_transaction_read_only=on"),
        execution_options={_AUTOCOMMIT: beside},
        **arguments,
    )
    event.listen(engine, "begin", _begin_postgresql)
    event.listen(engine, "engine_disposed", lambda _engine: beside.dispose())
    for each in (beside, engine):
        _guard(each)
        check_connections_alive(each)
        if encrypted:
            require_encryption(each)
    return engine


def parse_address(url: str) -> sa.URL:
    """The parts of a database's address. Raises BadDefinition, which does not repeat the password in it."""
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as unreadable:
        allowed = "sqlite:///file or postgresql+psycopg://name@host/database"
        raise BadDefinition("environment", "DAYBOOK_DATABASE_URL", "(not shown)", allowed) from unreadable


def _open_sqlite_engine(address: sa.URL, pool_size: int) -> Engine:
    engine = sa.create_engine(
        address,
        connect_args={"timeout": BUSY_SECONDS, "cached_statements": _STATEMENTS_KEPT},
        hide_parameters=True,
        poolclass=DatabasePool,
        pool_size=pool_size,
        max_overflow=OVERFLOW,
        pool_timeout=POOL_SECONDS,
    )
    file = sqlite_file(address.render_as_string(hide_password=False))
    if file is not None:
        require_sqlite_file(engine, file)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    _guard(engine)
    return engine


def write_engine(engine: Engine) -> Engine:
    """The same pool for a unit of work, or for a hot statement that is more than one statement."""
    return engine.execution_options(**{WRITES: True})


def autocommit_engine(engine: Engine) -> Engine:
    """For reads followed by a single statement that is a transaction by itself.

    On PostgreSQL that spares the round trips of BEGIN and COMMIT; SQLite writes as always.
    """
    beside: Engine | None = engine.get_execution_options().get(_AUTOCOMMIT)
    return beside or write_engine(engine)


@contextmanager
def allow_writes(connection: Connection) -> Iterator[None]:
    """Let this connection change rows: what is written inside is audited by whoever opens this."""
    info = connection.info
    before = info.get(_ALLOWED, False)
    info[_ALLOWED] = True
    try:
        yield
    finally:
        info[_ALLOWED] = before


def _guard(engine: Engine) -> None:
    event.listen(engine, "before_cursor_execute", _refuse_unaudited)
    event.listen(engine, "handle_error", _name_error)
    event.listen(engine, "checkout", _forget_allowance)


def _prepare_sqlite(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event decides the kind of BEGIN
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", *_PRAGMAS):
        connection.execute(f"PRAGMA {pragma}")

    connection.create_function(SQLITE_LOCAL_DAY, 2, _local_day_text, deterministic=True)

    def authorize(
        action: int, name: str | None, value: str | None, _schema: str | None, _inner: str | None
    ) -> int:
        """No other file is attached, and no statement of the program switches a safeguard off."""
        if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
            return sqlite3.SQLITE_DENY
        setting = action == sqlite3.SQLITE_PRAGMA and value is not None
        if setting and (name or "").lower() in _SAFEGUARDS and not record.info.get(_SWITCHING):
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    connection.set_authorizer(authorize)


def _local_day_text(moment: str | None, zone: str) -> str | None:
    """The local day of a stored moment, which SQLite knows no zones for."""
    if moment is None:
        return None
    return local_day(datetime.fromisoformat(moment).replace(tzinfo=UTC), zone).isoformat()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred BEGIN that later writes fails at once under contention; IMMEDIATE waits its turn.
    writes = bool(connection.get_execution_options().get(WRITES))
    if connection.info.get(WRITES, False) is not writes:
        driver: Any = connection.connection.dbapi_connection
        connection.info[_SWITCHING] = True
        driver.execute(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        connection.info[_SWITCHING] = False
        connection.info[WRITES] = writes
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    """Say in BEGIN whether the transaction may write; the driver sends it with the first statement."""
    driver: Any = connection.connection.dbapi_connection
    driver.read_only = not connection.get_execution_options().get(WRITES)


def _forget_allowance(_connection: object, record: Any, _proxy: object) -> None:  # noqa: ANN401 - the pool's own
    record.info.pop(_ALLOWED, None)


def _refuse_unaudited(
    connection: Connection, _cursor: object, statement: str, _values: object, _context: object, _many: bool
) -> None:
    """On a connection that may write, only what was opened by `allow_writes` does; none changes its mode."""
    word = statement.lstrip().split(None, 1)[0].upper()
    if word in _MODE_WORDS or not word.isalpha():  # a word behind a comment or a semicolon would not be seen
        raise WriteRefused(f"{word} is the engine's own")
    if ";" in statement:
        raise WriteRefused("several statements at once")
    if connection.info.get(_ALLOWED) or not connection.get_execution_options().get(WRITES):
        return
    if word not in _READS and not (word in _CARRIERS and not _CHANGES.search(statement)):
        raise WriteRefused(f"{word} outside a unit of work")


def _name_error(context: ExceptionContext) -> None:
    """Errors of a read-only connection and of the database itself, under the names that they have here."""
    original = context.original_exception
    readonly = isinstance(original, ReadOnlySqlTransaction) or (
        isinstance(original, sqlite3.OperationalError)
        and original.sqlite_errorcode == sqlite3.SQLITE_READONLY
    )
    connection = context.connection
    if readonly and connection is not None and not connection.get_execution_options().get(WRITES):
        raise WriteRefused("the connection is read-only") from original
    raise_if_unavailable(original)
