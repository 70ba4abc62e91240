"""Bringing a database to the current shape, and asking whether it has it."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.storage.database_grants import grant_app_role
from app.storage.tables.columns import metadata

_SCRIPTS = Path(__file__).parents[2] / "alembic"


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


def migrate(url: str) -> None:
    """Upgrade the database at this address to the newest revision. Needs the owner's role."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            command.upgrade(_config(connection), "head")
            grant_app_role(connection)
            connection.commit()
    finally:
        engine.dispose()


def head_revision() -> str:
    """The revision that this version of the program needs."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current_revision(engine: sa.Engine) -> str | None:
    """The revision that a database has; None when it was never migrated."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def schema_drift(url: str) -> list[object]:
    """How the database at this address differs from the tables declared in the code."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": connection.dialect.name != "sqlite"}
            )
            return list(compare_metadata(context, metadata))
    finally:
        engine.dispose()
