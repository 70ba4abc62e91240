"""What an entry states of the rows that it changed, so that they can be proven by it; older entries have none."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("audit_entry", sa.Column("facts", sa.String(), nullable=True))
