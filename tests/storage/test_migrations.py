"""Migrations bring both databases to the declared shape, with their guards."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from app.storage import database_grants
from app.storage.engine import open_engine, write_engine
from app.storage.migrations import migrate_database
from app.storage.revisions import SCRIPTS, current_revision, head_revision
from app.storage.tables import APPEND_ONLY
from app.storage.tables.columns import metadata
from tests import postgres
from tests.unaudited_writes import allow_everything


def schema_drift(url: str) -> list[object]:
    """How the database at this address differs from the tables declared in the code."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        compares_types = {"compare_type": connection.dialect.name != "sqlite"}
        drift = compare_metadata(MigrationContext.configure(connection, opts=compares_types), metadata)
    engine.dispose()
    return list(drift)


def test_a_new_database_gets_the_declared_shape(database_url: str) -> None:
    engine = open_engine(database_url)
    migrate_database(database_url)
    assert current_revision(engine) == head_revision()
    assert schema_drift(database_url) == []
    migrate_database(database_url)
    assert schema_drift(database_url) == []
    engine.dispose()


def test_the_needed_revision_is_the_one_that_alembic_would_migrate_to() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert head_revision() == ScriptDirectory.from_config(config).get_current_head()


def test_an_index_that_is_gone_and_a_column_too_many_are_named(database_url: str) -> None:
    migrate_database(database_url)
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX ix_slot_wake"))
        connection.execute(sa.text("ALTER TABLE site ADD COLUMN colour TEXT"))
    engine.dispose()
    drift = str(schema_drift(database_url))
    assert "ix_slot_wake" in drift
    assert "colour" in drift


@pytest.mark.req("AUD-03", "AUD-12")
def test_every_append_only_table_has_its_guards(migrated_sqlite_url: str) -> None:
    engine = open_engine(migrated_sqlite_url)
    with engine.connect() as connection:
        guards = connection.execute(
            sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ).scalars()
        guarded = set(guards)
    engine.dispose()
    assert guarded == {
        f"{table}_no_{act}" for table in APPEND_ONLY for act in ("update", "delete", "replace")
    }


@pytest.mark.req("AUD-03", "AUD-12")
def test_every_append_only_table_has_its_guards_on_postgresql(postgres_engine: Engine) -> None:
    statement = sa.text(
        "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE NOT tgisinternal AND tgenabled = 'O'"
    )
    with postgres_engine.connect() as connection:
        guarded = set(connection.execute(statement).scalars())
    assert guarded == {f"{table}_no_{act}" for table in APPEND_ONLY for act in ("change", "truncate")}


def test_sqlite_tables_are_strict(migrated_sqlite_url: str) -> None:
    engine = open_engine(migrated_sqlite_url)
    with engine.connect() as connection:
        tables = connection.execute(
            sa.text("SELECT name, strict FROM pragma_table_list WHERE type = 'table'")
        ).all()
    loose = {name for name, strict in tables if not strict and name in metadata.tables}
    assert {name for name, _strict in tables} >= set(metadata.tables)
    assert loose == set()
    words = sa.text("INSERT INTO throttle (subject, failures, since_at) VALUES ('x', 'many', '2026-03-01')")
    with (
        pytest.raises(sa.exc.IntegrityError, match="cannot store TEXT"),
        write_engine(engine).begin() as connection,
        allow_everything(connection),
    ):
        connection.execute(words)
    engine.dispose()


def test_a_server_without_the_programs_role_gets_no_grants(
    postgres_cluster: postgres.Cluster, migrated_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sa.create_engine(postgres_cluster.url(migrated_postgres))
    with engine.connect() as connection:
        assert database_grants.grant_app_role(connection) is True
        monkeypatch.setattr(database_grants, "APP_ROLE", "daybook_elsewhere")
        assert database_grants.grant_app_role(connection) is False
    engine.dispose()
