"""Migrating a database to the current schema."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext

from app.storage.database.faults import raise_if_unavailable
from app.storage.database.limits import CONNECT_SECONDS, require_encryption
from app.storage.database.sqlite_file import migrating_lock, prepare_sqlite_file, sqlite_file
from app.storage.database_grants import grant_app_role
from app.storage.engine import parse_address
from app.storage.revisions import SCRIPTS

_MIGRATING = 5_710_009
"""Of the lock of PostgreSQL that says that somebody migrates; locks are counted for each database."""


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


def migrate_database(url: str, encrypted: bool = False) -> None:
    """Upgrade the database at this address to the newest revision. Needs the owner's role.

    One process at a time: another one waits, and then finds nothing to do. Raises DatabaseUnavailable.
    """
    with (
        _owner_engine(url, encrypted) as engine,
        _migrating_alone(engine, url),
        engine.connect() as connection,
    ):
        command.upgrade(_config(connection), "head")
        grant_app_role(connection)
        connection.commit()


@contextmanager
def _owner_engine(url: str, encrypted: bool = False) -> Iterator[Engine]:
    """An engine without guards; a migration may take its time, but a server that is away is told at once."""
    address = parse_address(url)
    remote = address.get_backend_name() != "sqlite"
    engine = sa.create_engine(address, connect_args={"connect_timeout": CONNECT_SECONDS} if remote else {})
    event.listen(engine, "handle_error", _name_error)
    if encrypted and remote:
        require_encryption(engine)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _migrating_alone(engine: Engine, url: str) -> Iterator[None]:
    file = sqlite_file(url)
    if file is not None:
        prepare_sqlite_file(file)
        with migrating_lock(file):
            yield
        return
    # A connection of its own: Alembic commits each migration only on one that nobody has begun to use.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as beside:
        beside.execute(sa.select(sa.func.pg_advisory_lock(_MIGRATING)))
        yield


def _name_error(context: ExceptionContext) -> None:
    raise_if_unavailable(context.original_exception)
