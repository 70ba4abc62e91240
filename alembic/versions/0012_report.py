"""Roles that read reports: the statistician and the sponsor's viewer."""

import sqlalchemy as sa
from alembic import op

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0012"
down_revision = "0011"

_ROLES = ("nurse", "investigator", "monitor", "data_manager", "admin", "statistician", "sponsor_viewer")
_LISTED = ", ".join(f"'{role}'" for role in _ROLES)


def upgrade() -> None:
    # SQLite makes the table anew, and leaves the check of the old one behind.
    with op.batch_alter_table("role_grant", table_kwargs={"sqlite_strict": True}) as table:
        if op.get_bind().dialect.name == "postgresql":
            table.drop_constraint(op.f("ck_role_grant_role"), type_="check")
        table.create_check_constraint(op.f("ck_role_grant_role"), sa.text(f"role IN ({_LISTED})"))
