"""Who entered where a participant is reached, and an address of their own that a mailed code is to verify."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.add_column("contact", sa.Column("entered_by", sa.String(length=20), nullable=True))
    op.create_table(
        "address_claim",
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("address_sealed", sa.String(length=600), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("issued_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("closed_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_address_claim_participant_id")
        ),
        sa.PrimaryKeyConstraint("participant_id", name=op.f("pk_address_claim")),
        sqlite_strict=True,
    )
