"""Epochs of pages, by which the keys of acts are purged."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "page_epoch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("began_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_epoch")),
        sqlite_strict=True,
    )
    op.add_column("act_key", sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index(op.f("ix_act_key_at"), "act_key")
    op.create_index(op.f("ix_act_key_epoch"), "act_key", ["epoch"], unique=False)
