"""How long anything may wait for the database, and how many connections one process takes."""

import select
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from app.domain.refusal import DatabaseFault, DatabaseUnavailable
from app.storage.database.long_statements import LongStatementCursor

POOL_SIZE = 8
"""Connections that a pool of PostgreSQL keeps open."""
PAGE_POOL_SIZE = 4
"""Connections of the pool of pages, which only read: each is used for a few milliseconds."""
OVERFLOW = 4
"""Further ones of the pool of everything but the hot paths and pages, closed again after use."""
CONNECTIONS_OF_A_PROCESS = POOL_SIZE + OVERFLOW + POOL_SIZE + PAGE_POOL_SIZE
"""The most that one server process takes of the server's own limit: all pools."""

POOL_SECONDS = 3
CONNECT_SECONDS = 3
LOCK_SECONDS = 5
STATEMENT_SECONDS = 30
"""No page takes so long; a stopping server lets requests end in this time."""
IDLE_SECONDS = 30
"""A process that stands still in a transaction keeps its locks no longer than this."""
_SILENCE_SECONDS = 15
"""A server that was cut off by the network is given up after this."""

_AVAILABLE = sa.text(
    "SELECT least("
    "current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
    " (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),"
    " (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))"
)


class DatabasePool(QueuePool):
    """A pool that says in our own words that every connection is in use."""

    def connect(self) -> PoolProxiedConnection:
        """A connection; raises DatabaseUnavailable when none becomes free in time."""
        try:
            return super().connect()
        except sa.exc.TimeoutError as full:
            raise DatabaseUnavailable(DatabaseFault.BUSY, "every connection is in use") from full


def postgresql_arguments(statement_seconds: int, *options: str) -> dict[str, Any]:
    """How the driver connects: everything that could wait for ever has an end. 0 seconds: no end."""
    limits = {
        "lock_timeout": LOCK_SECONDS,
        "statement_timeout": statement_seconds,
        "idle_in_transaction_session_timeout": IDLE_SECONDS,
    }
    # In UTC, so that moments come as they are stored: `app.storage.tables.columns.Moment` relies on it.
    settings = ["timezone=UTC", *options, *(f"{name}={seconds}s" for name, seconds in limits.items())]
    return {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": _SILENCE_SECONDS,
        "keepalives_interval": CONNECT_SECONDS,
        "keepalives_count": 3,
        "tcp_user_timeout": _SILENCE_SECONDS * 1000,
        "options": " ".join(f"-c {setting}" for setting in settings),
        "cursor_factory": LongStatementCursor,
    }


def check_connections_alive(engine: Engine) -> None:
    """Never hand out a connection that the server has closed: a pre-ping without a round trip.

    A connection that waits in the pool is silent. Whatever can be read from it is its end, or some word of
    the server's; only then is it asked by a statement whether it lives.
    """

    def ping_if_not_silent(connection: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401 - the driver's
        if not connection.closed and not _is_readable(connection.fileno()):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as dead:
            raise sa.exc.DisconnectionError from dead

    event.listen(engine, "checkout", ping_if_not_silent)


def count_available_connections(engine: Engine) -> int | None:
    """How many connections PostgreSQL allows this role here at once; None on SQLite, which has no limit."""
    with engine.connect() as connection:
        if connection.dialect.name != "postgresql":
            return None
        return int(connection.execute(_AVAILABLE).scalar_one())


def require_encryption(engine: Engine) -> None:
    """Refuse a connection over TCP that is not encrypted, whatever address or environment led to it."""

    def refuse_plain(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's
        if not connection.pgconn.ssl_in_use and not connection.info.host.startswith("/"):
            connection.close()
            raise DatabaseUnavailable(DatabaseFault.AWAY, "the connection to PostgreSQL is not encrypted")

    event.listen(engine, "connect", refuse_plain)


def _is_readable(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
