"""Engines for both databases: SQLite embedded, PostgreSQL in production. Private to storage but for opening.

Every connection is read-only by the database's own means (SQLite: `query_only` and an authorizer; PostgreSQL:
a read-only transaction) and takes no statement but one that reads, unless a unit of work or a hot statement
opened it. And on a connection that may write, a statement writes only the tables that were allowed to it by
`allow_tables`, which only the unit of work and the hot statements enter; its driver takes no other statement,
and no commit while an entry is owed.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry

from app.domain.plans.windows import local_day
from app.domain.refusal import BadDefinition
from app.storage.database.faults import raise_if_unavailable
from app.storage.database.guarded_connections import PostgresqlConnection, SqliteConnection
from app.storage.database.limits import (
    OVERFLOW,
    PAGE_POOL_SIZE,
    POOL_SECONDS,
    POOL_SIZE,
    STATEMENT_SECONDS,
    DatabasePool,
    check_connections_alive,
    postgresql_arguments,
    require_encryption,
)
from app.storage.database.sqlite_file import require_sqlite_file, sqlite_file
from app.storage.database.write_guard import WriteGuard, WriteRefused
from app.storage.database.written_tables import WrittenTables

WRITES = "daybook_writes"
"""Connection option of a unit of work; without it the database itself refuses to write."""

_WRITING = "daybook_writing"
"""Engine option: this engine as a unit of work takes it, made once."""
_AUTOCOMMIT = "daybook_autocommit"
"""Engine option: the pool of the hot paths, beside the one of everything else."""
_PAGES = "daybook_pages"
"""Engine option: the pool of pages that read by plain statements alone."""
_READ_ONLY = "default_transaction_read_only=on"
_PLANNED_ONCE = (
    "plan_cache_mode=force_generic_plan",
    "max_parallel_workers_per_gather=0",
    "jit=off",
    "random_page_cost=1.1",
)
"""PostgreSQL plans a prepared statement once for all values, by one process, and compiles nothing. It takes a
plan that fits any value for dearer than it is and plans anew each time, which costs more than to run a large
statement that is bounded by its conditions. What these pages ask all day is in its memory: taken for a slow
disk, an index in whose order the first rows would do looks dearer than to read and sort all of them."""

_NONE_AUDITED: Mapping[str, str] = {}
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
_CACHED_STATEMENTS = 512
"""Prepared statements a SQLite connection keeps: more than the program has."""

_INSPECTING = frozenset(
    "foreign_key_check foreign_key_list index_info index_list index_xinfo integrity_check quick_check"
    " table_info table_list table_xinfo".split()
)
"""Pragmas of SQLite that only read what they are given; with a value every other sets something."""
_ACTING = frozenset("incremental_vacuum optimize wal_checkpoint".split())
"""Pragmas that do something without a value."""
_SWITCHES = frozenset((sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_PRAGMA))
_ALLOWED = sqlite3.SQLITE_OK


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
    if address.get_backend_name() == "sqlite":
        engine = _open_sqlite_engine(address, pool_size)
    else:
        engine = _open_postgresql_engine(address, pool_size, statement_seconds, encrypted=encrypted)
    engine.update_execution_options(**{_WRITING: write_engine(engine)})
    return engine


def _open_postgresql_engine(
    address: sa.URL, pool_size: int, statement_seconds: int, *, encrypted: bool
) -> Engine:
    beside = _open_at_once(
        address, pool_size, postgresql_arguments(statement_seconds), execution_options={WRITES: True}
    )
    pages = _open_at_once(
        address, PAGE_POOL_SIZE, postgresql_arguments(statement_seconds, _READ_ONLY, *_PLANNED_ONCE)
    )
    engine = sa.create_engine(
        address,
        pool_size=pool_size,
        max_overflow=OVERFLOW,
        connect_args=postgresql_arguments(statement_seconds, _READ_ONLY),
        execution_options={_AUTOCOMMIT: beside, _PAGES: pages},
        **_pool_settings(),
    )
    event.listen(engine, "begin", _begin_postgresql)
    event.listen(engine, "engine_disposed", lambda _engine: beside.dispose())
    event.listen(engine, "engine_disposed", lambda _engine: pages.dispose())
    for pool in (beside, pages, engine):
        event.listen(pool, "do_connect", partial(_connect_postgresql, pool is beside))
        _guard(pool)
        check_connections_alive(pool)
        if encrypted:
            require_encryption(pool)
    return engine


def _open_at_once(
    address: sa.URL, pool_size: int, arguments: Mapping[str, Any], **options: Mapping[str, object]
) -> Engine:
    """Connections that are in autocommit for good: to switch one there and back costs as much as a save."""
    return sa.create_engine(
        address,
        pool_size=pool_size,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        connect_args=arguments,
        **options,
        **_pool_settings(),
    )


def _pool_settings() -> dict[str, Any]:
    # hide_parameters: an error of the database must never carry an answer into a log (PRI-06).
    return {"pool_timeout": POOL_SECONDS, "poolclass": DatabasePool, "hide_parameters": True}


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
        connect_args={
            "timeout": BUSY_SECONDS,
            "cached_statements": _CACHED_STATEMENTS,
            "factory": SqliteConnection,
        },
        pool_size=pool_size,
        max_overflow=OVERFLOW,
        **_pool_settings(),
    )
    file = sqlite_file(address.render_as_string(hide_password=False))
    if file is not None:
        require_sqlite_file(engine, file)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    _guard(engine)
    return engine


def write_engine(engine: Engine) -> Engine:
    """An engine's pool for a unit of work, or for a hot statement that is more than one statement."""
    writing: Engine | None = engine.get_execution_options().get(_WRITING)
    return writing or engine.execution_options(**{WRITES: True})


def autocommit_engine(engine: Engine) -> Engine:
    """For reads followed by a single statement that is a transaction by itself.

    On PostgreSQL that spares the round trips of BEGIN and COMMIT; SQLite writes as always.
    """
    beside: Engine | None = engine.get_execution_options().get(_AUTOCOMMIT)
    return beside or engine.execution_options(**{WRITES: True})


def page_engine(engine: Engine) -> Engine:
    """For pages that read by plain statements alone."""
    pages: Engine | None = engine.get_execution_options().get(_PAGES)
    return pages or engine


def find_write_guard(connection: Connection) -> WriteGuard:
    """The guard of a connection's driver."""
    driver: Any = connection.connection.dbapi_connection
    guard: WriteGuard = driver.write_guard
    return guard


def allow_tables(
    connection: Connection,
    tables: WrittenTables,
    *,
    audited: Mapping[str, str] = _NONE_AUDITED,
    flushing: bool = False,
) -> AbstractContextManager[None]:
    """Let this connection write these tables: what is written inside is audited by whoever opens this.

    `audited`: tables whose changes are committed only with an entry, and of which chain; `flushing`: by
    statements of a session's flush alone.
    """
    return find_write_guard(connection).allow_tables(tables, audited=audited, flushing=flushing)


def _guard(engine: Engine) -> None:
    event.listen(engine, "before_cursor_execute", _compare_statement)
    event.listen(engine, "handle_error", _name_error)
    event.listen(engine, "checkout", _forget_before_use)
    event.listen(engine, "checkin", _end_use)


def _connect_postgresql(
    autocommit: bool, _dialect: object, _record: object, arguments: Sequence[Any], settings: Mapping[str, Any]
) -> PostgresqlConnection:
    """`autocommit`: for the pool of connections that are in autocommit for good."""
    connection = PostgresqlConnection.connect(*arguments, **settings)
    connection.write_guard = WriteGuard(autocommit=autocommit)
    return connection


def _prepare_sqlite(connection: SqliteConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event decides the kind of BEGIN
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", *_PRAGMAS):
        connection.execute(f"PRAGMA {pragma}")

    connection.create_function(SQLITE_LOCAL_DAY, 2, _local_day_text, deterministic=True)

    def authorize(
        action: int, name: str | None, value: str | None, _schema: str | None, _inner: str | None
    ) -> int:
        """No other file is attached, and no statement of the program switches a safeguard off."""
        if action not in _SWITCHES:  # SQLite asks for each column of each statement that it prepares
            return _ALLOWED
        if action != sqlite3.SQLITE_PRAGMA:
            return sqlite3.SQLITE_DENY
        if not connection.write_guard.switching:
            pragma = (name or "").lower()
            if pragma in _ACTING or (value is not None and pragma not in _INSPECTING):
                return sqlite3.SQLITE_DENY
        return _ALLOWED

    connection.authorize_by(authorize)


def _local_day_text(moment: str | None, zone: str) -> str | None:
    """The local day of a stored moment, which SQLite knows no zones for."""
    if moment is None:
        return None
    return local_day(datetime.fromisoformat(moment).replace(tzinfo=UTC), zone).isoformat()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred BEGIN that later writes fails at once under contention; IMMEDIATE waits its turn.
    writes = bool(connection.get_execution_options().get(WRITES))
    driver: Any = connection.connection.dbapi_connection
    _switch_sqlite(driver, writes=writes)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _switch_sqlite(driver: SqliteConnection, *, writes: bool) -> None:
    guard = driver.write_guard
    if guard.writes is not writes:
        guard.switching = True
        driver.execute(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        guard.switching = False
        guard.writes = writes


def _begin_postgresql(connection: Connection) -> None:
    """Say in BEGIN whether the transaction may write; the driver sends it with the first statement."""
    driver: Any = connection.connection.dbapi_connection
    _switch_postgresql(driver, writes=bool(connection.get_execution_options().get(WRITES)))


def _switch_postgresql(driver: PostgresqlConnection, *, writes: bool) -> None:
    reads = not writes
    if driver.read_only is not reads:  # to set it takes the driver's lock
        driver.read_only = reads
    driver.write_guard.writes = writes


def _forget_before_use(driver: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401 - either driver's
    driver.write_guard.forget()


def _end_use(driver: Any, _record: object) -> None:  # noqa: ANN401 - either driver's
    """In the pool a connection is read-only: whoever takes the driver's own from there cannot write."""
    if isinstance(driver, SqliteConnection):
        _switch_sqlite(driver, writes=False)
    elif driver is not None and not driver.autocommit and not driver.closed:
        _switch_postgresql(driver, writes=False)


def _compare_statement(
    connection: Connection,
    _cursor: object,
    statement: str,
    values: object,
    context: Any,  # noqa: ANN401 - the dialect's own
    _many: bool,
) -> None:
    """What writes must be allowed, and nothing changes the mode of a connection."""
    find_write_guard(connection).compare_statement(statement, context, values)


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
