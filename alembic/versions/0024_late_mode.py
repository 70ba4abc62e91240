"""By which means answers were given that lie apart from their form; it is not known of those of before."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("quarantine", sa.Column("mode", sa.String(length=20), nullable=True))
