"""Connections of hot paths and pages: they read and, by the statements of this folder alone, write."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine

from app.storage.engine import autocommit_engine, page_engine, write_engine


def open_autocommit(engine: Engine) -> Connection:
    """For reads and then one statement that is a transaction by itself. Use as a context manager."""
    return autocommit_engine(engine).connect()


def open_transaction(engine: Engine) -> Connection:
    """For several statements that are one transaction; the caller commits. Use as a context manager."""
    connection = write_engine(engine).connect()
    connection.begin()  # at once: a plain read begins none
    return connection


@contextmanager
def open_page_connection(engine: Engine) -> Iterator[Connection]:
    """A connection that can only read, by plain statements.

    On PostgreSQL each statement is a transaction by itself, as each sees what was committed before it anyhow:
    that spares the round trips of BEGIN and COMMIT. On SQLite all of them see the same.
    """
    with page_engine(engine).connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.begin()
        yield connection
        if connection.in_transaction():
            connection.commit()
