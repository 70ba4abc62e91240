"""An index by which the visits of one participant are found that were missed without a reason."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

UNEXPLAINED = (
    "submitted_at IS NULL AND exit_kind IS NULL AND excused IS NULL AND opens_at IS NOT NULL"
    " AND for_day IS NULL AND missed_reason IS NULL"
)


def upgrade() -> None:
    condition = sa.text(UNEXPLAINED)
    op.create_index(
        "ix_slot_unexplained_person",
        "slot",
        ["participant_id", "closes_at"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
