"""The telephone at which staff call a participant, encrypted like the address for reminders."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    telephone = sa.Column("telephone_sealed", sa.String(600), nullable=False, server_default="")
    op.add_column("contact", telephone)
