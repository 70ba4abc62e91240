"""What came of trying to reach participants, rows of the work list that rest, and indexes to find the others."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0013"
down_revision = "0012"

TABLE = "contact_entry"
OUTCOMES = (
    "reached_will_do",
    "reached_needs_help",
    "no_answer",
    "wrong_number",
    "refused_visit",
    "too_ill",
    "other",
)
LIVE = "submitted_at IS NULL AND exit_kind IS NULL AND excused IS NULL AND opens_at IS NOT NULL"
VISIT = f"{LIVE} AND for_day IS NULL"
UNEXPLAINED = f"{VISIT} AND missed_reason IS NULL"
NEVER_SIGNED_IN = "activated_at IS NULL AND exit_kind IS NULL AND consent_version IS NOT NULL"
UNDELIVERED = "(state = 'failed' OR failure IN ('no_contact', 'no_channel'))"
INDEXES = (
    ("ix_slot_live_opens", "slot", ["site_id", "opens_at"], VISIT),
    ("ix_slot_live_person", "slot", ["participant_id", "closes_at"], LIVE),
    ("ix_slot_begun", "slot", ["site_id", "grace_until"], f"{LIVE} AND begun_at IS NOT NULL"),
    ("ix_slot_unexplained_site", "slot", ["site_id", "closes_at"], UNEXPLAINED),
    ("ix_slot_unexplained_study", "slot", ["study_id", "closes_at"], UNEXPLAINED),
    ("ix_message_undelivered", "message", ["settled_at"], UNDELIVERED),
    ("ix_participant_unused", "participant", ["site_id", "enrolled_at"], NEVER_SIGNED_IN),
)


def upgrade() -> None:
    _create_contact_entry()
    op.create_table(
        "snooze",
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.String(length=120), nullable=False),
        sa.Column("until_at", UTCDateTime(), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_snooze_participant_id")
        ),
        sa.PrimaryKeyConstraint("participant_id", name=op.f("pk_snooze")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_snooze_until_at"), "snooze", ["until_at"], unique=False)
    op.create_table(
        "staff_view",
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("page", sa.String(length=20), nullable=False),
        sa.Column("query", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_view_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", "page", name=op.f("pk_staff_view")),
        sqlite_strict=True,
    )
    op.add_column("participant", sa.Column("activated_at", UTCDateTime(), nullable=True))
    op.execute(
        "UPDATE participant SET activated_at ="
        " (SELECT MIN(bound_at) FROM device WHERE device.participant_id = participant.id)"
    )
    for name, table, columns, where in INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _create_contact_entry() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(*OUTCOMES, name="contactoutcome", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("note", sa.String(length=400), nullable=True),
        sa.Column("next_try_on", sa.Date(), nullable=True),
        sa.Column("contacted_at", UTCDateTime(), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.Column("corrects_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=400), nullable=True),
        sa.ForeignKeyConstraint(
            ["corrects_id"], ["contact_entry.id"], name=op.f("fk_contact_entry_corrects_id")
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_contact_entry_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_entry")),
        sa.UniqueConstraint("corrects_id", name=op.f("uq_contact_entry_corrects_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_contact_entry_participant", TABLE, ["participant_id", "id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        guard_sqlite()
    else:
        guard_postgresql()


def guard_sqlite() -> None:
    for action in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {TABLE}_no_{action} BEFORE {action.upper()} ON {TABLE}"
            f" BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END"
        )
    # INSERT OR REPLACE would delete the row it collides with, past the trigger above.
    same = "id = NEW.id OR corrects_id = NEW.corrects_id"
    op.execute(
        f"CREATE TRIGGER {TABLE}_no_replace BEFORE INSERT ON {TABLE}"
        f" WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE {same})"
        f" BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END"
    )


def guard_postgresql() -> None:
    op.execute(
        f"CREATE TRIGGER {TABLE}_no_change BEFORE UPDATE OR DELETE ON {TABLE}"
        " FOR EACH ROW EXECUTE FUNCTION daybook_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {TABLE}_no_truncate BEFORE TRUNCATE ON {TABLE}"
        " FOR EACH STATEMENT EXECUTE FUNCTION daybook_append_only()"
    )
