"""The EDC's interface: moments that were ahead of our clock, feeds begun anew, what clients asked beyond the head."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("edc_record", sa.Column("claimed_as_of", UTCDateTime(), nullable=True))
    op.add_column("study", sa.Column("restored_at", UTCDateTime(), nullable=True))
    op.add_column("feed_head", sa.Column("asked_seq", sa.Integer(), nullable=True))
    op.add_column("feed_head", sa.Column("asked_at", UTCDateTime(), nullable=True))
