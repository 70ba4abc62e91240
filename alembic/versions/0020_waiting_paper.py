"""The index of paper entries that wait: a first one too, whose form the participant has sent meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

WAITS = sa.text("outcome IN ('first', 'differs')")


def upgrade() -> None:
    op.drop_index("ix_paper_entry_differs", table_name="paper_entry")
    op.create_index(
        "ix_paper_entry_waits", "paper_entry", ["study_id"], sqlite_where=WAITS, postgresql_where=WAITS
    )
