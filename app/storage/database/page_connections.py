"""Connections of pages, which can only read."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine

from app.storage.engine import page_engine


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
