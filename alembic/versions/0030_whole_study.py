"""Indexes by which the visits of a whole study are read in the order of its work list, as far as it is read."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

LIVE = (
    "submitted_at IS NULL AND exit_kind IS NULL AND excused IS NULL AND opens_at IS NOT NULL"
    " AND for_day IS NULL"
)


def upgrade() -> None:
    op.drop_index("ix_slot_unexplained_study", "slot")
    _index("ix_slot_opens_study", "opens_at", LIVE)
    _index("ix_slot_live_study", "closes_at", LIVE)
    # The last, so that SQLite takes it where it could take the one before as well.
    _index("ix_slot_unexplained_study", "closes_at", f"{LIVE} AND missed_reason IS NULL")


def _index(name: str, moment: str, where: str) -> None:
    condition = sa.text(where)
    columns = ["study_id", moment, "participant_id"]
    op.create_index(name, "slot", columns, sqlite_where=condition, postgresql_where=condition)
