"""Named cuts of a study: a number of its feed and an instant, from which datasets are made again and again."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

import app.storage.tables.columns  # noqa: F401 - strict SQLite types

revision = "0019"
down_revision = "0018"

TABLE = "data_cut"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("feed_hash", sa.String(length=64), nullable=False),
        sa.Column("cut_at", UTCDateTime(), nullable=False),
        sa.Column("plan_version", sa.String(length=20), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column("app_version", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.String(length=400), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_data_cut_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_cut")),
        sa.UniqueConstraint("study_id", "name", name=op.f("uq_data_cut_study_id_name")),
        sqlite_strict=True,
    )
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _guard_sqlite() -> None:
    for action in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {TABLE}_no_{action} BEFORE {action.upper()} ON {TABLE}"
            f" BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END"
        )
    # INSERT OR REPLACE would delete the row it collides with, past the trigger above.
    op.execute(
        f"CREATE TRIGGER {TABLE}_no_replace BEFORE INSERT ON {TABLE}"
        f" WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id"
        f" OR (study_id = NEW.study_id AND name = NEW.name))"
        f" BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END"
    )


def _guard_postgresql() -> None:
    op.execute(
        f"CREATE TRIGGER {TABLE}_no_change BEFORE UPDATE OR DELETE ON {TABLE}"
        " FOR EACH ROW EXECUTE FUNCTION daybook_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {TABLE}_no_truncate BEFORE TRUNCATE ON {TABLE}"
        " FOR EACH STATEMENT EXECUTE FUNCTION daybook_append_only()"
    )
