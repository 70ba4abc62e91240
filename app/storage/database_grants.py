"""What the program's own PostgreSQL role may do: read and add everywhere, change little, delete nothing but
spent keys."""

import sqlalchemy as sa

from app.storage.tables import APPEND_ONLY, PURGED
from app.storage.tables.columns import metadata

APP_ROLE = "daybook_app"


def grant_app_role(connection: sa.Connection) -> bool:
    """Give the role its rights on every table; False where the server has no such role.

    Run by the owner after every migration, so that a new table is never forgotten.
    """
    if connection.dialect.name != "postgresql":
        return False
    if (
        connection.execute(
            sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": APP_ROLE}
        ).first()
        is None
    ):
        return False
    connection.execute(sa.text(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}"))
    connection.execute(sa.text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}"))
    for name in [*metadata.tables, "alembic_version"]:
        rights = "SELECT" if name == "alembic_version" else "SELECT, INSERT"
        if name not in APPEND_ONLY and name != "alembic_version":
            rights += ", UPDATE, DELETE" if name in PURGED else ", UPDATE"
        connection.execute(sa.text(f"REVOKE ALL ON {name} FROM {APP_ROLE}"))
        connection.execute(sa.text(f"GRANT {rights} ON {name} TO {APP_ROLE}"))
    return True
