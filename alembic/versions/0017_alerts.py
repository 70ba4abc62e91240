"""Alerts that forms raised, what was done about them, and the messages by which staff are told."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0017"
down_revision = "0016"

ACTION = "alert_action"
KINDS = (
    "called",
    "not_reached",
    "physician_told",
    "visit_arranged",
    "sent_to_hospital",
    "treatment_changed",
    "nothing_needed",
    "other",
)
INDEXES = (
    ("ix_alert_open", "alert", ["study_id", "raised_at"], "closed_at IS NULL"),
    ("ix_alert_waking", "alert", ["wake_at"], "wake_at IS NOT NULL"),
    ("ix_alert_message_waiting", "alert_message", ["lease_until"], "state IN ('queued', 'sending')"),
)


def upgrade() -> None:
    _create_alert()
    _create_action()
    _create_message()
    for name, table, columns, where in INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _create_alert() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=24), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("response_version", sa.Integer(), nullable=False),
        sa.Column("raised_at", UTCDateTime(), nullable=False),
        sa.Column("staff_alerted_at", UTCDateTime(), nullable=True),
        sa.Column("escalated_at", UTCDateTime(), nullable=True),
        sa.Column("acknowledged_at", UTCDateTime(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=80), nullable=True),
        sa.Column("closed_at", UTCDateTime(), nullable=True),
        sa.Column("closed_by", sa.String(length=80), nullable=True),
        sa.Column("closing_note", sa.String(length=400), nullable=True),
        sa.Column("wake_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_alert_participant_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_alert_study_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_alert_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("public_id", name=op.f("uq_alert_public_id")),
        sa.UniqueConstraint("slot_id", "rule", name=op.f("uq_alert_slot_id_rule")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_alert_participant_id"), "alert", ["participant_id"], unique=False)


def _create_action() -> None:
    codes = sa.Enum(*KINDS, name="alertactionkind", native_enum=False, create_constraint=True, length=40)
    op.create_table(
        ACTION,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("kind", codes, nullable=False),
        sa.Column("note", sa.String(length=400), nullable=True),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_action_alert_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_alert_action_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_action")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_alert_action_alert_id"), ACTION, ["alert_id"], unique=False)
    op.create_index(op.f("ix_alert_action_participant_id"), ACTION, ["participant_id"], unique=False)


def _create_message() -> None:
    op.create_table(
        "alert_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("escalation", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("lease_until", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", UTCDateTime(), nullable=False),
        sa.Column("settled_at", UTCDateTime(), nullable=True),
        sa.Column("failure", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_message_alert_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_alert_message_participant_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_alert_message_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_message")),
        sa.UniqueConstraint("key", name=op.f("uq_alert_message_key")),
        sa.UniqueConstraint(
            "alert_id", "staff_id", "escalation", name=op.f("uq_alert_message_alert_id_staff_id_escalation")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_alert_message_participant_id"), "alert_message", ["participant_id"], unique=False
    )


def _guard_sqlite() -> None:
    for action in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {ACTION}_no_{action} BEFORE {action.upper()} ON {ACTION}"
            f" BEGIN SELECT RAISE(ABORT, '{ACTION} is append-only'); END"
        )
    # INSERT OR REPLACE would delete the row it collides with, past the trigger above.
    op.execute(
        f"CREATE TRIGGER {ACTION}_no_replace BEFORE INSERT ON {ACTION}"
        f" WHEN EXISTS (SELECT 1 FROM {ACTION} WHERE id = NEW.id)"
        f" BEGIN SELECT RAISE(ABORT, '{ACTION} is append-only'); END"
    )


def _guard_postgresql() -> None:
    op.execute(
        f"CREATE TRIGGER {ACTION}_no_change BEFORE UPDATE OR DELETE ON {ACTION}"
        " FOR EACH ROW EXECUTE FUNCTION daybook_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {ACTION}_no_truncate BEFORE TRUNCATE ON {ACTION}"
        " FOR EACH STATEMENT EXECUTE FUNCTION daybook_append_only()"
    )
