"""Where Alembic finds the tables and a connection; the same for both databases."""

from typing import Any

import sqlalchemy as sa
from alembic import context

from app.storage.tables import metadata


def _compare_type(
    migrations: Any,
    _inspected: Any,
    _column: Any,
    _found: sa.types.TypeEngine[Any],
    _wanted: sa.types.TypeEngine[Any],
) -> bool | None:
    # SQLite's strict tables know five types; what a column holds is compared on PostgreSQL.
    return False if migrations.dialect.name == "sqlite" else None


def _migrate() -> None:
    connection: sa.Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=_compare_type,
        render_as_batch=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_migrate()
