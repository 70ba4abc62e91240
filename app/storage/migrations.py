"""Migrating a database to the current schema, and comparing it with the tables of the code."""

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from app.storage.database_grants import grant_app_role
from app.storage.revisions import SCRIPTS
from app.storage.tables.columns import metadata


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
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
