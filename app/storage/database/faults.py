"""What an error says of the database itself: away, busy or unable to write. Every engine names it so."""

import sqlite3

import psycopg

from app.domain.refusal import DatabaseFault, DatabaseUnavailable

_BY_STATE = {
    "08": DatabaseFault.AWAY,  # connection exceptions
    "28": DatabaseFault.AWAY,  # wrong name or password
    "3D": DatabaseFault.AWAY,  # no such database
    "57P": DatabaseFault.AWAY,  # stopped, stopping or starting
    "57014": DatabaseFault.BUSY,  # the statement's time was over
    "40": DatabaseFault.BUSY,  # deadlock and the like: whoever asks again gets through
    "55P03": DatabaseFault.BUSY,  # the lock's time was over
    "25P": DatabaseFault.BUSY,  # the transaction's time was over
    "53": DatabaseFault.BUSY,  # too many connections, too little memory
    "53100": DatabaseFault.CANNOT_WRITE,  # disk full
    "58": DatabaseFault.CANNOT_WRITE,  # the server's own disk fails
    "25006": DatabaseFault.CANNOT_WRITE,  # read-only
    "0A000": DatabaseFault.CANNOT_WRITE,  # a standby refuses the mode itself
}
"""By the beginning of the SQLSTATE; the longest that fits counts."""

_BY_RESULT = {
    sqlite3.SQLITE_BUSY: DatabaseFault.BUSY,
    sqlite3.SQLITE_LOCKED: DatabaseFault.BUSY,
    sqlite3.SQLITE_FULL: DatabaseFault.CANNOT_WRITE,
    sqlite3.SQLITE_IOERR: DatabaseFault.CANNOT_WRITE,
    sqlite3.SQLITE_READONLY: DatabaseFault.CANNOT_WRITE,
    sqlite3.SQLITE_CANTOPEN: DatabaseFault.AWAY,
    sqlite3.SQLITE_NOTADB: DatabaseFault.AWAY,
    sqlite3.SQLITE_CORRUPT: DatabaseFault.AWAY,
}
"""By the primary result code, which is the lowest byte of the extended one."""


def find_database_fault(error: BaseException) -> DatabaseFault | None:
    """The fault of the database that an error of its driver tells of; None for a fault of the statement."""
    if isinstance(error, psycopg.Error):
        return _of_state(error)
    if isinstance(error, sqlite3.Error):
        return _BY_RESULT.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    return None


def raise_if_unavailable(error: BaseException) -> None:
    """Raise DatabaseUnavailable in the place of a driver's error that is the database's own."""
    fault = find_database_fault(error)
    if fault is not None:
        raise DatabaseUnavailable(fault, str(error)) from error


def _of_state(error: psycopg.Error) -> DatabaseFault | None:
    state = error.sqlstate
    if state is None:
        # The server did not say it: the connection could not be made, or was lost.
        return DatabaseFault.AWAY if isinstance(error, psycopg.OperationalError) else None
    fitting = (_BY_STATE.get(state[:length]) for length in (5, 3, 2))
    return next((fault for fault in fitting if fault is not None), None)
