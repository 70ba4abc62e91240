"""Forms that participants fill in on paper or on the clinic's tablet."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0018"
down_revision = "0017"

PAPER = "paper_entry"
REASONS = ("no_device", "prefers_paper", "cannot_use", "system_down", "other")
OUTCOMES = ("submitted", "kept_apart", "first", "differs", "settled", "discarded")
DIFFERS = "outcome = 'differs'"


def upgrade() -> None:
    op.add_column("response", sa.Column("collected_on", sa.Date(), nullable=True))
    for table in ("activation", "device"):
        op.add_column(table, sa.Column("handed_over_by", sa.String(length=80), nullable=True))
        _add_slot(table)
    _create_paper()
    if op.get_bind().dialect.name == "sqlite":
        guard_sqlite()
    else:
        guard_postgresql()


def _add_slot(table: str) -> None:
    """A column with its foreign key, which SQLite takes in the statement that adds the column alone."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN handed_slot_id INTEGER"
            f" CONSTRAINT fk_{table}_handed_slot_id REFERENCES slot (id)"
        )
    else:
        op.add_column(table, sa.Column("handed_slot_id", sa.BigInteger(), nullable=True))
        op.create_foreign_key(op.f(f"fk_{table}_handed_slot_id"), table, "slot", ["handed_slot_id"], ["id"])


def _create_paper() -> None:
    op.create_table(
        PAPER,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=24), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=False),
        sa.Column("answers", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("collected_on", sa.Date(), nullable=False),
        sa.Column("paper", sa.String(length=80), nullable=False),
        sa.Column("reason", _codes("paperreason", *REASONS), nullable=False),
        sa.Column("note", sa.String(length=400), nullable=True),
        sa.Column("helped_by", sa.String(length=20), nullable=True),
        sa.Column("late_reason", sa.String(length=40), nullable=True),
        sa.Column("outcome", _codes("paperoutcome", *OUTCOMES), nullable=False),
        sa.Column("entered_at", UTCDateTime(), nullable=False),
        sa.Column("entered_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_paper_entry_participant_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_paper_entry_study_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_paper_entry_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_entry")),
        sa.UniqueConstraint("public_id", name=op.f("uq_paper_entry_public_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_paper_entry_participant_id"), PAPER, ["participant_id"], unique=False)
    op.create_index(op.f("ix_paper_entry_slot_id"), PAPER, ["slot_id"], unique=False)
    condition = sa.text(DIFFERS)
    op.create_index(
        "ix_paper_entry_differs", PAPER, ["study_id"], sqlite_where=condition, postgresql_where=condition
    )


def _codes(name: str, *codes: str) -> sa.Enum:
    return sa.Enum(*codes, name=name, native_enum=False, create_constraint=True, length=40)


def guard_sqlite() -> None:
    for action in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {PAPER}_no_{action} BEFORE {action.upper()} ON {PAPER}"
            f" BEGIN SELECT RAISE(ABORT, '{PAPER} is append-only'); END"
        )
    # INSERT OR REPLACE would delete the row it collides with, past the trigger above.
    op.execute(
        f"CREATE TRIGGER {PAPER}_no_replace BEFORE INSERT ON {PAPER}"
        f" WHEN EXISTS (SELECT 1 FROM {PAPER} WHERE id = NEW.id OR public_id = NEW.public_id)"
        f" BEGIN SELECT RAISE(ABORT, '{PAPER} is append-only'); END"
    )


def guard_postgresql() -> None:
    op.execute(
        f"CREATE TRIGGER {PAPER}_no_change BEFORE UPDATE OR DELETE ON {PAPER}"
        " FOR EACH ROW EXECUTE FUNCTION daybook_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {PAPER}_no_truncate BEFORE TRUNCATE ON {PAPER}"
        " FOR EACH STATEMENT EXECUTE FUNCTION daybook_append_only()"
    )
