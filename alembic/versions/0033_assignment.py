"""To which member of staff a participant of the work list is assigned."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.create_table(
        "assignment",
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("assignee_id", sa.Integer(), nullable=True),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["assignee_id"], ["staff.id"], name=op.f("fk_assignment_assignee_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_assignment_participant_id")
        ),
        sa.PrimaryKeyConstraint("participant_id", name=op.f("pk_assignment")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_assignment_assignee_id"), "assignment", ["assignee_id"], unique=False)
