"""What the EDC stated of a participant and was refused, until a later body is accepted or somebody decides."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0032"
down_revision = "0031"

OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "edc_refusal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.String(length=60), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=False),
        sa.Column("stated", sa.String(length=199), nullable=False),
        sa.Column("as_of", UTCDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("refused_at", UTCDateTime(), nullable=False),
        sa.Column("last_at", UTCDateTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_edc_refusal_participant_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_edc_refusal_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edc_refusal")),
        sa.UniqueConstraint("participant_id", "part", name=op.f("uq_edc_refusal_participant_id_part")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_edc_refusal_open", "edc_refusal", ["study_id"], sqlite_where=OPEN, postgresql_where=OPEN
    )
