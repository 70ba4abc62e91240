"""The first shape: studies, people, schedule, capture, trail, feed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0001"
down_revision = None

APPEND_ONLY: dict[str, list[tuple[str, ...]]] = {
    "answer_event": [("id",), ("slot_id", "client", "seq"), ("slot_id", "revision")],
    "audit_entry": [("id",), ("chain", "seq")],
    "day_seal": [("study_id", "sealed_on")],
    "disposition": [("id",), ("undoes_id",)],
    "feed_event": [("study_id", "seq")],
    "quarantine": [("id",)],
    "response": [("id",), ("public_id", "version"), ("slot_id", "version")],
    "transfer": [("id",)],
}
"""Append-only tables, with the keys that a replacing insert might collide with."""


def document() -> TypeEngine[object]:
    return sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def big_key() -> TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    create_tables()
    op.execute(f"INSERT INTO audit_chain (chain, seq, hash) VALUES ('installation', 0, '{'0' * 64}')")
    if op.get_bind().dialect.name == "sqlite":
        guard_sqlite()
    else:
        guard_postgresql()


def guard_sqlite() -> None:
    for table, keys in APPEND_ONLY.items():
        for action in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action} BEFORE {action.upper()} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        # INSERT OR REPLACE would delete the row it collides with, past the trigger above.
        same = " OR ".join("(" + " AND ".join(f"{name} = NEW.{name}" for name in key) + ")" for key in keys)
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
            f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION daybook_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'DB001'; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION daybook_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION daybook_append_only()"
        )


def create_tables() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", big_key(), nullable=False),
        sa.Column("chain", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=80), nullable=False),
        sa.Column("actor_role", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=True),
        sa.Column("reason_salt", sa.String(length=16), nullable=True),
        sa.Column("reason_digest", sa.String(length=80), nullable=True),
        sa.Column("changes", sa.String(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("chain", "seq", name=op.f("uq_audit_entry_chain_seq")),
        sqlite_strict=True,
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("totp_sealed", sa.String(length=300), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("disabled_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("email", name=op.f("uq_staff_email")),
        sqlite_strict=True,
    )
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("plan_version", sa.String(length=20), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column(
            "mode",
            sa.Enum("demo", "live", name="mode", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("feed", sa.String(length=32), nullable=False),
        sa.Column("loaded_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("code", name=op.f("uq_study_code")),
        sqlite_strict=True,
    )
    op.create_table(
        "throttle",
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_throttle")),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_chain",
        sa.Column("chain", sa.String(length=40), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_audit_chain_study_id")),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_chain")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_audit_chain_study_id"), "audit_chain", ["study_id"], unique=False)
    op.create_table(
        "day_seal",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("sealed_on", sa.String(length=10), nullable=False),
        sa.Column("chains", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_day_seal_study_id")),
        sa.PrimaryKeyConstraint("study_id", "sealed_on", name=op.f("pk_day_seal")),
        sqlite_strict=True,
    )
    op.create_table(
        "edc_client",
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("next_secret_hash", sa.String(length=64), nullable=True),
        sa.Column("scopes", sa.String(length=400), nullable=False),
        sa.Column("sites", document(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("disabled_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_edc_client_study_id")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_edc_client")),
        sqlite_strict=True,
    )
    op.create_table(
        "edc_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("resource", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("as_of", UTCDateTime(), nullable=False),
        sa.Column("body", document(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_edc_record_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edc_record")),
        sa.UniqueConstraint("study_id", "resource", name=op.f("uq_edc_record_study_id_resource")),
        sqlite_strict=True,
    )
    op.create_table(
        "feed_head",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_feed_head_study_id")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_feed_head")),
        sqlite_strict=True,
    )
    op.create_table(
        "site",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("hours", sa.String(length=80), nullable=False),
        sa.Column("zone", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_site_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("study_id", "code", name=op.f("uq_site_study_id_code")),
        sqlite_strict=True,
    )
    op.create_table(
        "staff_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("second_factor_at", UTCDateTime(), nullable=True),
        sa.Column("opened_at", UTCDateTime(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.Column("closed_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_session_staff_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_session")),
        sqlite_strict=True,
    )
    op.create_table(
        "used_code",
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_used_code_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", "step", name=op.f("pk_used_code")),
        sqlite_strict=True,
    )
    op.create_table(
        "edc_token",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(length=400), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["edc_client.client_id"], name=op.f("fk_edc_token_client_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_edc_token")),
        sqlite_strict=True,
    )
    op.create_table(
        "feed_event",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("ref", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_feed_event_site_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_feed_event_study_id")),
        sa.PrimaryKeyConstraint("study_id", "seq", name=op.f("pk_feed_event")),
        sqlite_strict=True,
    )
    op.create_index("ix_feed_event_ref", "feed_event", ["study_id", "ref", "seq"], unique=False)
    op.create_table(
        "participant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=24), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("zone", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("arm", sa.String(length=20), nullable=True),
        sa.Column("enrolled_at", UTCDateTime(), nullable=False),
        sa.Column("consent_version", sa.String(length=40), nullable=True),
        sa.Column("consented_on", sa.Date(), nullable=True),
        sa.Column("reminders_wanted", sa.Boolean(), nullable=False),
        sa.Column("identity_check", sa.String(length=40), nullable=True),
        sa.Column("pin_hash", sa.String(length=200), nullable=True),
        sa.Column(
            "exit_kind",
            sa.Enum(
                "death",
                "withdrew_questionnaires",
                "withdrew_study",
                "screen_failure",
                name="exitkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("exit_at", UTCDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_participant_site_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_participant_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant")),
        sa.UniqueConstraint("public_id", name=op.f("uq_participant_public_id")),
        sa.UniqueConstraint("study_id", "subject", name=op.f("uq_participant_study_id_subject")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_participant_site_id"), "participant", ["site_id"], unique=False)
    op.create_table(
        "role_grant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "nurse",
                "investigator",
                "monitor",
                "data_manager",
                "admin",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("granted_at", UTCDateTime(), nullable=False),
        sa.Column("granted_by", sa.String(length=80), nullable=False),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_role_grant_site_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_role_grant_staff_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_role_grant_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_role_grant_staff_id"), "role_grant", ["staff_id"], unique=False)
    op.create_table(
        "transfer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("resource", sa.String(length=40), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("through", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("pulled_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["edc_client.client_id"], name=op.f("fk_transfer_client_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_transfer_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_transfer_client_id"), "transfer", ["client_id"], unique=False)
    op.create_table(
        "activation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("issued_at", UTCDateTime(), nullable=False),
        sa.Column("issued_by", sa.String(length=80), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("code_expires_at", UTCDateTime(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_activation_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activation")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_activation_code_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_activation_token_hash")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_activation_participant_id"), "activation", ["participant_id"], unique=False)
    op.create_table(
        "anchor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("dated_on", sa.Date(), nullable=False),
        sa.Column("dated_at", UTCDateTime(), nullable=True),
        sa.Column(
            "standing",
            sa.Enum(
                "current",
                "superseded",
                "differing",
                name="standing",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=True),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_anchor_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anchor")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_anchor_participant_id"), "anchor", ["participant_id"], unique=False)
    op.create_index(
        "uq_anchor_current",
        "anchor",
        ["participant_id", "kind"],
        unique=True,
        sqlite_where=sa.text("standing = 'current'"),
        postgresql_where=sa.text("standing = 'current'"),
    )
    op.create_table(
        "contact",
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("address_sealed", sa.String(length=600), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_contact_participant_id")
        ),
        sa.PrimaryKeyConstraint("participant_id", name=op.f("pk_contact")),
        sqlite_strict=True,
    )
    op.create_table(
        "device",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("bound_at", UTCDateTime(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_device_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_device_token_hash")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_device_participant_id"), "device", ["participant_id"], unique=False)
    op.create_table(
        "disposition",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("stated_date", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=True),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_disposition_participant_id")
        ),
        sa.ForeignKeyConstraint(["undoes_id"], ["disposition.id"], name=op.f("fk_disposition_undoes_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposition")),
        sa.UniqueConstraint("undoes_id", name=op.f("uq_disposition_undoes_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_disposition_participant_id"), "disposition", ["participant_id"], unique=False)
    op.create_table(
        "slot",
        sa.Column("id", big_key(), nullable=False),
        sa.Column("public_id", sa.String(length=24), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("visit", sa.String(length=20), nullable=False),
        sa.Column("series", sa.String(length=20), nullable=False),
        sa.Column("instrument", sa.String(length=40), nullable=False),
        sa.Column("instrument_version", sa.String(length=20), nullable=False),
        sa.Column("plan_version", sa.String(length=20), nullable=False),
        sa.Column("anchor", sa.String(length=40), nullable=False),
        sa.Column("arm_revealing", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("for_day", sa.Date(), nullable=True),
        sa.Column("zone", sa.String(length=40), nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=True),
        sa.Column("target_on", sa.Date(), nullable=True),
        sa.Column("closes_on", sa.Date(), nullable=True),
        sa.Column("opens_at", UTCDateTime(), nullable=True),
        sa.Column("due_at", UTCDateTime(), nullable=True),
        sa.Column("overdue_at", UTCDateTime(), nullable=True),
        sa.Column("closes_at", UTCDateTime(), nullable=True),
        sa.Column("grace_until", UTCDateTime(), nullable=True),
        sa.Column("window_version", sa.Integer(), nullable=False),
        sa.Column("begun_at", UTCDateTime(), nullable=True),
        sa.Column("submitted_at", UTCDateTime(), nullable=True),
        sa.Column("out_of_window", sa.Boolean(), nullable=False),
        sa.Column("excused", sa.String(length=40), nullable=True),
        sa.Column("missed_reason", sa.String(length=40), nullable=True),
        sa.Column("missed_note", sa.String(length=400), nullable=True),
        sa.Column(
            "exit_kind",
            sa.Enum(
                "death",
                "withdrew_questionnaires",
                "withdrew_study",
                "screen_failure",
                name="exitkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("exit_at", UTCDateTime(), nullable=True),
        sa.Column("helped_by", sa.String(length=20), nullable=True),
        sa.Column("late_reason", sa.String(length=40), nullable=True),
        sa.Column("announced", sa.String(length=20), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("wake_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint(
            "(opens_at IS NULL) = (closes_at IS NULL) AND (opens_at IS NULL) = (due_at IS NULL) AND (opens_at IS NULL) = (overdue_at IS NULL) AND (opens_at IS NULL) = (grace_until IS NULL)",
            name=op.f("ck_slot_window_whole"),
        ),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_slot_participant_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_slot_site_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_slot_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot")),
        sa.UniqueConstraint(
            "participant_id", "visit", "instrument", name=op.f("uq_slot_participant_id_visit_instrument")
        ),
        sa.UniqueConstraint("public_id", name=op.f("uq_slot_public_id")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_slot_live_diary",
        "slot",
        ["site_id", "closes_at", "opens_at", "overdue_at", "participant_id"],
        unique=False,
        sqlite_where=sa.text(
            "submitted_at IS NULL AND exit_kind IS NULL AND excused IS NULL AND opens_at IS NOT NULL AND for_day IS NOT NULL"
        ),
        postgresql_where=sa.text(
            "submitted_at IS NULL AND exit_kind IS NULL AND excused IS NULL AND opens_at IS NOT NULL AND for_day IS NOT NULL"
        ),
    )
    op.create_index(
        "ix_slot_live_site",
        "slot",
        ["site_id", "closes_at", "opens_at", "due_at", "overdue_at"],
        unique=False,
        sqlite_where=sa.text(
            "submitted_at IS NULL AND exit_kind IS NULL AND excused IS NULL AND opens_at IS NOT NULL AND for_day IS NULL"
        ),
        postgresql_where=sa.text(
            "submitted_at IS NULL AND exit_kind IS NULL AND excused IS NULL AND opens_at IS NOT NULL AND for_day IS NULL"
        ),
    )
    op.create_index(
        "ix_slot_wake",
        "slot",
        ["wake_at"],
        unique=False,
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )
    op.create_index(
        "uq_slot_for_day",
        "slot",
        ["participant_id", "instrument", "for_day"],
        unique=True,
        sqlite_where=sa.text("for_day IS NOT NULL"),
        postgresql_where=sa.text("for_day IS NOT NULL"),
    )
    op.create_table(
        "visit_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("visit", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("dated_on", sa.Date(), nullable=True),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_visit_record_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_record")),
        sa.UniqueConstraint("participant_id", "visit", name=op.f("uq_visit_record_participant_id_visit")),
        sqlite_strict=True,
    )
    op.create_table(
        "answer_event",
        sa.Column("id", big_key(), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("client", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Integer(), nullable=True),
        sa.Column("words", sa.String(length=200), nullable=True),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("text_sha256", sa.String(length=64), nullable=False),
        sa.Column("device_at", UTCDateTime(), nullable=True),
        sa.Column("device_offset", sa.Integer(), nullable=True),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "NOT (value IS NOT NULL AND words IS NOT NULL)", name=op.f("ck_answer_event_one_value")
        ),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_answer_event_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_event")),
        sa.UniqueConstraint("slot_id", "client", "seq", name=op.f("uq_answer_event_slot_id_client_seq")),
        sa.UniqueConstraint("slot_id", "revision", name=op.f("uq_answer_event_slot_id_revision")),
        sqlite_strict=True,
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("window_version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("lease_until", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", UTCDateTime(), nullable=False),
        sa.Column("settled_at", UTCDateTime(), nullable=True),
        sa.Column("failure", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_message_participant_id")
        ),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_message_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("key", name=op.f("uq_message_key")),
        sa.UniqueConstraint(
            "slot_id", "window_version", "kind", name=op.f("uq_message_slot_id_window_version_kind")
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_message_participant_id"), "message", ["participant_id"], unique=False)
    op.create_index(
        "ix_message_waiting",
        "message",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'sending')"),
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("answers", document(), nullable=False),
        sa.Column("device_at", UTCDateTime(), nullable=True),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_quarantine_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_quarantine_slot_id"), "quarantine", ["slot_id"], unique=False)
    op.create_table(
        "response",
        sa.Column("id", big_key(), nullable=False),
        sa.Column("public_id", sa.String(length=24), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("submission", sa.String(length=40), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("answers", document(), nullable=False),
        sa.Column("scores", document(), nullable=False),
        sa.Column("instrument_sha256", sa.String(length=64), nullable=False),
        sa.Column("text_sha256", sa.String(length=64), nullable=False),
        sa.Column("algorithm", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("originator", sa.String(length=20), nullable=False),
        sa.Column("helped_by", sa.String(length=20), nullable=True),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("late_reason", sa.String(length=40), nullable=True),
        sa.Column("presentation", document(), nullable=False),
        sa.Column("app_version", sa.String(length=20), nullable=False),
        sa.Column("out_of_window", sa.Boolean(), nullable=False),
        sa.Column("in_grace", sa.Boolean(), nullable=False),
        sa.Column("device_at", UTCDateTime(), nullable=True),
        sa.Column("device_offset", sa.Integer(), nullable=True),
        sa.Column("begun_at", UTCDateTime(), nullable=False),
        sa.Column("submitted_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_response_slot_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_response_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response")),
        sa.UniqueConstraint("public_id", "version", name=op.f("uq_response_public_id_version")),
        sa.UniqueConstraint("slot_id", "version", name=op.f("uq_response_slot_id_version")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_response_public_id"), "response", ["public_id"], unique=False)
