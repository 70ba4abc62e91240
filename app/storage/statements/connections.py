"""Connections of hot paths: they read and, by the statements of this folder alone, write.

Nothing outside storage opens one: a hot statement that is a transaction by itself opens its own.
"""

from sqlalchemy.engine import Connection, Engine

from app.storage.engine import autocommit_engine, write_engine


def open_autocommit(engine: Engine) -> Connection:
    """For reads and then one statement that is a transaction by itself. Use as a context manager."""
    return autocommit_engine(engine).connect()


def open_transaction(engine: Engine) -> Connection:
    """For several statements that are one transaction; the caller commits. Use as a context manager."""
    connection = write_engine(engine).connect()
    connection.begin()  # at once: a plain read begins none
    return connection
