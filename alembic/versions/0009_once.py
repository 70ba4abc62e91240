"""Acts that were done from pages, so that none is done twice."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "act_key",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("body", sa.String(length=64), nullable=False),
        sa.Column("result", sa.String(length=400), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_act_key")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_act_key_at"), "act_key", ["at"], unique=False)
