"""The browser from which a form was sent; of those before it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column("response", sa.Column("device_id", sa.Integer(), nullable=True))
