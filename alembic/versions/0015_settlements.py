"""Settlements of open matters, append-only, and the indexes by which open matters are looked up."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0015"
down_revision = "0014"

UNIQUE = {"settlement": ("participant_id", "kind", "ref"), "licence_decision": ("study_id", "ref")}
KINDS = (
    "dates_differ",
    "dates_order",
    "quarantine",
    "conflict",
    "missed",
    "correction",
    "edc_message",
    "licence",
)
DECISIONS = (
    "date_stands",
    "both_right",
    "accepted",
    "rejected",
    "later_stands",
    "corrected",
    "first_stands",
    "corrected_by_edc",
    "renewal",
    "ends",
)
LEFT = (
    "submitted_at IS NULL AND exit_kind IS NOT NULL AND excused IS NULL AND opens_at IS NOT NULL"
    " AND for_day IS NULL AND missed_reason IS NULL AND exit_at >= opens_at"
)
INDEXES = (
    ("ix_anchor_differing", "anchor", ("participant_id",), "standing = 'differing'"),
    ("ix_answer_event_unaware", "answer_event", ("slot_id", "item"), "base < revision - 1"),
    ("ix_audit_entry_contradicted", "audit_entry", ("chain",), "event = 'edc:body:contradicted'"),
    ("ix_slot_unexplained_left", "slot", ("study_id", "closes_at"), LEFT),
)


def upgrade() -> None:
    op.create_table(
        "settlement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("kind", _codes("matterkind", *KINDS), nullable=False),
        sa.Column("ref", sa.String(length=120), nullable=False),
        *_decision(),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_settlement_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement")),
        sa.UniqueConstraint(
            "participant_id", "kind", "ref", name=op.f("uq_settlement_participant_id_kind_ref")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "licence_decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=120), nullable=False),
        *_decision(),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_licence_decision_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_licence_decision")),
        sa.UniqueConstraint("study_id", "ref", name=op.f("uq_licence_decision_study_id_ref")),
        sqlite_strict=True,
    )
    for name, table, columns, where in INDEXES:
        condition = sa.text(where)
        op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)
    for table, unique in UNIQUE.items():
        if op.get_bind().dialect.name == "sqlite":
            _guard_sqlite(table, unique)
        else:
            _guard_postgresql(table)


def _codes(name: str, *codes: str) -> sa.Enum:
    return sa.Enum(*codes, name=name, native_enum=False, create_constraint=True, length=40)


def _decision() -> list[sa.Column[Any]]:
    return [
        sa.Column("decision", _codes("matterdecision", *DECISIONS), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("settled_at", UTCDateTime(), nullable=False),
        sa.Column("settled_by", sa.String(length=80), nullable=False),
    ]


def _guard_sqlite(table: str, unique: Sequence[str]) -> None:
    for action in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{action} BEFORE {action.upper()} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    # INSERT OR REPLACE would delete the row it collides with, past the trigger above.
    same = " AND ".join(f"{column} = NEW.{column}" for column in unique)
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
        f" WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id OR ({same}))"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _guard_postgresql(table: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION daybook_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION daybook_append_only()"
    )
