"""Who fills in a form, with the day on which that was said, and for diaries on which browser."""

import sqlalchemy as sa
from alembic import op

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("slot", sa.Column("helper_on", sa.Date(), nullable=True))
    op.add_column("device", sa.Column("helper", sa.String(length=20), nullable=True))
    op.add_column("device", sa.Column("helper_on", sa.Date(), nullable=True))
