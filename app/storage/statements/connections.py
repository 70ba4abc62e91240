"""Connections of the hot paths: they read and, through the statements of this folder alone, write."""

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
