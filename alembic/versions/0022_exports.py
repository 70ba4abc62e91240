"""Exports of cuts that somebody requested: the queue by which they are made, and what became of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0022"
down_revision = "0021"

TABLE = "data_export"
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=24), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("cut_id", sa.Integer(), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=80), nullable=False),
        sa.Column("scopes", JSON, nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=400), nullable=False),
        sa.Column("requested_at", UTCDateTime(), nullable=False),
        sa.Column("lease_until", UTCDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("contents", JSON, nullable=True),
        sa.Column("sites", JSON, nullable=True),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("fault", sa.String(length=40), nullable=True),
        sa.Column("files", JSON, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("kept_until", UTCDateTime(), nullable=True),
        sa.Column("removed_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint("kind IN ('datasets', 'recheck')", name=op.f("ck_data_export_exportkind")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_data_export_study_id")),
        sa.ForeignKeyConstraint(["cut_id"], ["data_cut.id"], name=op.f("fk_data_export_cut_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_export")),
        sa.UniqueConstraint("public_id", name=op.f("uq_data_export_public_id")),
        sqlite_strict=True,
    )
    _index("waiting", ["lease_until"], "ended_at IS NULL")
    _index("kept", ["kept_until"], "kept_until IS NOT NULL AND removed_at IS NULL")
    op.create_index("ix_data_export_actor", TABLE, ["study_id", "actor_id", "id"])


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(
        f"ix_{TABLE}_{name}", TABLE, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )
