"""The participant's phone: second check, text size, what they ask for, answers captured offline."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0002"
down_revision = "0001"


def document() -> TypeEngine[object]:
    return sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def codes(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, length=40, name=name)


def upgrade() -> None:
    sizes = "text_size IN ('standard', 'large', 'extra_large')"
    checked = sa.CheckConstraint(sizes, name=op.f("ck_participant_textsize"))
    op.add_column("participant", sa.Column("birth_hash", sa.String(length=64), nullable=True))
    op.add_column(
        "participant",
        sa.Column(
            "text_size",
            codes("textsize", "standard", "large", "extra_large"),
            checked,
            nullable=False,
            server_default="standard",
        ),
    )
    op.add_column("participant", sa.Column("remind_at", sa.String(length=5), nullable=True))
    op.add_column("participant", sa.Column("reminders_paused_until", sa.Date(), nullable=True))
    op.add_column(
        "activation", sa.Column("resets_pin", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    op.add_column("device", sa.Column("locked_at", UTCDateTime(), nullable=True))
    op.add_column("site", sa.Column("urgent_words", document(), nullable=True))
    for table in ("answer_event", "response"):
        op.add_column(table, sa.Column("device_skew", sa.Integer(), nullable=True))
        op.add_column(
            table, sa.Column("captured_offline", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.create_table(
        "participant_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("kind", codes("requestkind", "call", "correction"), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=True),
        sa.Column("slot_key", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("closed_at", UTCDateTime(), nullable=True),
        sa.Column("closed_by", sa.String(length=80), nullable=True),
        sa.Column("outcome", sa.String(length=400), nullable=True),
        sa.CheckConstraint("kind IN ('call', 'correction')", name=op.f("ck_participant_request_requestkind")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_participant_request_participant_id")
        ),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_participant_request_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant_request")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_participant_request_participant_id"), "participant_request", ["participant_id"], unique=False
    )
    op.create_index(
        "uq_participant_request_open",
        "participant_request",
        ["participant_id", "kind", "slot_key"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
