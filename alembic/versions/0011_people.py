"""People and sites: links to choose a password by, recovery codes, grants that end, reviews, sites that close."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0011"
down_revision = "0010"

REVIEWS = "access_review"


def upgrade() -> None:
    op.add_column("role_grant", sa.Column("ends_on", sa.Date(), nullable=True))
    hours = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column("site", sa.Column("week_hours", hours, nullable=True))
    op.add_column("site", sa.Column("emergency_phone", sa.String(length=40), nullable=True))
    op.add_column("site", sa.Column("closed_at", UTCDateTime(), nullable=True))
    create_links()
    create_recovery_codes()
    create_reviews()
    if op.get_bind().dialect.name == "sqlite":
        guard_sqlite()
    else:
        guard_postgresql()


def create_links() -> None:
    op.create_table(
        "staff_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column(
            "purpose",
            _closed_list("linkpurpose", "invitation", "password", "second_factor", "both"),
            nullable=False,
        ),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("totp_sealed", sa.String(length=300), nullable=False),
        sa.Column("issued_at", UTCDateTime(), nullable=False),
        sa.Column("issued_by", sa.String(length=80), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.Column("mailed", _closed_list("mailoutcome", "sent", "failed", "unconfirmed"), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_link_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_link_token_hash")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_staff_link_staff_id"), "staff_link", ["staff_id"], unique=False)


def create_recovery_codes() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("issued_at", UTCDateTime(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.Column("replaced_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_recovery_code_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_recovery_code_staff_id"), "recovery_code", ["staff_id"], unique=False)


def create_reviews() -> None:
    op.create_table(
        REVIEWS,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("reviewed_at", UTCDateTime(), nullable=False),
        sa.Column("reviewed_by", sa.String(length=80), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("grants", sa.Integer(), nullable=False),
        sa.Column("listed_sha256", sa.String(length=64), nullable=False),
        sa.Column("notes", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_access_review_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_review")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_access_review_study_id"), REVIEWS, ["study_id"], unique=False)


def guard_sqlite() -> None:
    for action in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {REVIEWS}_no_{action} BEFORE {action.upper()} ON {REVIEWS}"
            f" BEGIN SELECT RAISE(ABORT, '{REVIEWS} is append-only'); END"
        )
    # INSERT OR REPLACE would delete the row it collides with, past the trigger above.
    op.execute(
        f"CREATE TRIGGER {REVIEWS}_no_replace BEFORE INSERT ON {REVIEWS}"
        f" WHEN EXISTS (SELECT 1 FROM {REVIEWS} WHERE id = NEW.id)"
        f" BEGIN SELECT RAISE(ABORT, '{REVIEWS} is append-only'); END"
    )


def guard_postgresql() -> None:
    op.execute(
        f"CREATE TRIGGER {REVIEWS}_no_change BEFORE UPDATE OR DELETE ON {REVIEWS}"
        " FOR EACH ROW EXECUTE FUNCTION daybook_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {REVIEWS}_no_truncate BEFORE TRUNCATE ON {REVIEWS}"
        " FOR EACH STATEMENT EXECUTE FUNCTION daybook_append_only()"
    )


def _closed_list(name: str, *codes: str) -> sa.Enum:
    return sa.Enum(*codes, native_enum=False, create_constraint=True, length=40, name=name)
