"""Corrections of submitted forms: proposals and decisions, append-only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0014"
down_revision = "0013"

UNIQUE = {"correction": "public_id", "correction_decision": "correction_id"}


def upgrade() -> None:
    op.create_table(
        "correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=24), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=False),
        sa.Column("response_version", sa.Integer(), nullable=False),
        sa.Column("changes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("words", sa.String(length=400), nullable=False),
        sa.Column("told_on", sa.Date(), nullable=False),
        sa.Column(
            "evidence", _codes("correctionevidence", "telephone", "in_person", "in_writing"), nullable=False
        ),
        sa.Column("proposed_at", UTCDateTime(), nullable=False),
        sa.Column("proposed_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_correction_participant_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_correction_study_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_correction_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
        sa.UniqueConstraint("public_id", name=op.f("uq_correction_public_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_correction_participant_id"), "correction", ["participant_id"], unique=False)
    op.create_index(
        op.f("ix_correction_study_id_proposed_at"), "correction", ["study_id", "proposed_at"], unique=False
    )
    op.create_table(
        "correction_decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("correction_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("outcome", _codes("correctionoutcome", "approved", "declined"), nullable=False),
        sa.Column("note", sa.String(length=400), nullable=True),
        sa.Column("late_reason", sa.String(length=400), nullable=True),
        sa.Column("response_version", sa.Integer(), nullable=True),
        sa.Column("decided_at", UTCDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["correction.id"], name=op.f("fk_correction_decision_correction_id")
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_correction_decision_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction_decision")),
        sa.UniqueConstraint("correction_id", name=op.f("uq_correction_decision_correction_id")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_correction_decision_participant_id"), "correction_decision", ["participant_id"], unique=False
    )
    for table, unique in UNIQUE.items():
        if op.get_bind().dialect.name == "sqlite":
            guard_sqlite(table, unique)
        else:
            guard_postgresql(table)


def _codes(name: str, *codes: str) -> sa.Enum:
    return sa.Enum(*codes, name=name, native_enum=False, create_constraint=True, length=40)


def guard_sqlite(table: str, unique: str) -> None:
    for action in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{action} BEFORE {action.upper()} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    # INSERT OR REPLACE would delete the row it collides with, past the trigger above.
    same = f"id = NEW.id OR ({unique} = NEW.{unique})"
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
        f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def guard_postgresql(table: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION daybook_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION daybook_append_only()"
    )
