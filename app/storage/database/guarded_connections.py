"""The drivers' connections with a guard: around the engine nothing writes, and nothing unaudited commits."""

import sqlite3
from typing import Any, NoReturn

import psycopg

from app.storage.database.write_guard import WriteGuard, WriteRefused

_MOST_CURSORS = 24
"""Plain statements that a connection of PostgreSQL keeps a cursor for, each with its last rows."""


class SqliteConnection(sqlite3.Connection):
    """A connection of SQLite whose cursors ask its guard."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401 - the driver's own
        self.write_guard = WriteGuard()
        super().__init__(*arguments, **settings)

    def cached_cursor(self, _statement: str) -> "SqliteCursor":
        """A cursor, which costs nothing here."""
        return self.cursor()

    def cursor(self, _factory: object = None) -> "SqliteCursor":  # type: ignore[override]  # no other kind
        """A cursor that asks the guard."""
        return super().cursor(SqliteCursor)

    def execute(self, sql: str, parameters: Any = (), /) -> "SqliteCursor":  # noqa: ANN401 - the driver's own
        """Execute one statement."""
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> "SqliteCursor":  # noqa: ANN401 - the driver's own
        """Execute one statement with many values."""
        return self.cursor().executemany(sql, parameters)

    def commit(self) -> None:
        """Commit, if all that was written has its entry."""
        self.write_guard.check_entry_written(self.rollback)
        super().commit()

    def _refuse(self, *_arguments: object, **_settings: object) -> NoReturn:
        raise WriteRefused("not on a connection that is guarded")

    blobopen = executescript = deserialize = set_authorizer = _refuse

    def authorize_by(self, authorizer: Any) -> None:  # noqa: ANN401 - the driver's own
        """Let SQLite ask this function what may be done; set once, by the engine."""
        super().set_authorizer(authorizer)


class SqliteCursor(sqlite3.Cursor):
    """A cursor that executes what the guard lets it."""

    connection: SqliteConnection

    def execute(self, sql: str, parameters: Any = (), /) -> "SqliteCursor":  # noqa: ANN401 - the driver's own
        """Execute one statement."""
        self.connection.write_guard.check_statement(sql)
        super().execute(sql, parameters)
        return self

    def executemany(self, sql: str, parameters: Any, /) -> "SqliteCursor":  # noqa: ANN401 - the driver's own
        """Execute one statement with many values."""
        self.connection.write_guard.check_statement(sql)
        super().executemany(sql, parameters)
        return self

    def executescript(self, _script: str, /) -> NoReturn:
        """Several statements are never executed."""
        raise WriteRefused("several statements at once")


class PostgresqlConnection(psycopg.Connection[Any]):
    """A connection of PostgreSQL with a guard, which its cursors ask (`LongStatementCursor`)."""

    write_guard: WriteGuard

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401 - the driver's own
        super().__init__(*arguments, **settings)
        self._reading: dict[str, psycopg.Cursor[Any]] = {}

    def cached_cursor(self, statement: str) -> psycopg.Cursor[Any]:
        """A cursor that is kept for this statement, so that it knows already how its columns are read."""
        cursor = self._reading.pop(statement, None) or self.cursor()
        if len(self._reading) >= _MOST_CURSORS:
            del self._reading[next(iter(self._reading))]
        self._reading[statement] = cursor
        return cursor

    def commit(self) -> None:
        """Commit, if all that was written has its entry."""
        self.write_guard.check_entry_written(self.rollback)
        super().commit()
