"""The audit trail is read by time: the newest entries of a study first.

Revision ID: 0016
Revises: 0014
"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """An index in the order in which the trail is read."""
    op.create_index("ix_audit_entry_at", "audit_entry", ["at", "id"])
