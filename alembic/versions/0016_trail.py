"""An index by time: the audit trail of a study is read with its newest entries first."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_index("ix_audit_entry_at", "audit_entry", ["at", "id"])
