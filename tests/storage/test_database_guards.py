"""Triggers and rights are compared with what they shall be (AUD-03, AUD-04)."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.storage.proof.database_guards import find_guard_faults
from tests import postgres

RAISES = "FOR EACH ROW EXECUTE FUNCTION daybook_append_only()"


@pytest.fixture
def sqlite_owner(migrated_sqlite_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(migrated_sqlite_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def postgres_owner(postgres_cluster: postgres.Cluster, migrated_postgres: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(postgres_cluster.url(migrated_postgres))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.req("AUD-04")
@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        ([], None),
        (["DROP TRIGGER response_no_update"], "trigger response_no_update is missing"),
        (
            [
                "DROP TRIGGER response_no_update",
                "CREATE TRIGGER response_no_update BEFORE UPDATE ON response BEGIN SELECT 1; END",
            ],
            "trigger response_no_update is not as it was made",
        ),
        (
            [
                "DROP TRIGGER quarantine_no_replace",
                "CREATE TRIGGER quarantine_no_replace BEFORE INSERT ON quarantine BEGIN SELECT 1; END",
            ],
            "trigger quarantine_no_replace is not as it was made",
        ),
        (
            ["CREATE TRIGGER aid AFTER INSERT ON slot BEGIN DELETE FROM throttle; END"],
            "trigger aid is none of Daybook's",
        ),
    ],
)
def test_a_guard_of_sqlite_that_is_missing_or_altered_is_named(
    sqlite_owner: sa.Connection, statements: list[str], fault: str | None
) -> None:
    for statement in statements:
        sqlite_owner.execute(sa.text(statement))
    assert list(find_guard_faults(sqlite_owner)) == ([fault] if fault else [])


@pytest.mark.req("AUD-04", "SEC-04")
@pytest.mark.parametrize(
    ("statements", "faults"),
    [
        ([], []),
        (["DROP TRIGGER response_no_change ON response"], ["trigger response_no_change is missing"]),
        (
            ["ALTER TABLE response DISABLE TRIGGER response_no_truncate"],
            ["trigger response_no_truncate is switched off"],
        ),
        (
            [
                "DROP TRIGGER response_no_change ON response",
                f"CREATE TRIGGER response_no_change BEFORE UPDATE ON response {RAISES}",
            ],
            ["trigger response_no_change is not as it was made"],
        ),
        (
            [
                f"CREATE TRIGGER aid BEFORE UPDATE ON slot {RAISES}"
            ],
            ["trigger aid is none of Daybook's"],
        ),
        (
            ["CREATE RULE quiet AS ON UPDATE TO response DO INSTEAD NOTHING"],
            ["rule quiet on response is none of Daybook's"],
        ),
        (["GRANT UPDATE ON response TO daybook_app"], ["daybook_app holds UPDATE on response"]),
        (["GRANT UPDATE (answers) ON response TO PUBLIC"], ["PUBLIC holds UPDATE on response"]),
        (["GRANT SELECT ON response TO PUBLIC"], []),
        (["CREATE TABLE strange (id integer)", "GRANT INSERT ON strange TO daybook_app"],
         ["daybook_app holds INSERT on strange"]),
    ],
)  # fmt: skip
def test_a_guard_of_postgresql_that_is_missing_or_altered_is_named(
    postgres_owner: sa.Connection, statements: list[str], faults: list[str]
) -> None:
    for statement in statements:
        postgres_owner.execute(sa.text(statement))
    assert list(find_guard_faults(postgres_owner)) == faults


@pytest.mark.req("SEC-04")
def test_a_program_that_owns_its_tables_is_named(
    postgres_cluster: postgres.Cluster, migrated_postgres: str
) -> None:
    engine = sa.create_engine(f"{postgres_cluster.url(migrated_postgres, 'postgres')}")
    with engine.connect() as connection:
        connection.execute(sa.text("ALTER TABLE staff OWNER TO daybook_app"))
        assert list(find_guard_faults(connection)) == ["daybook_app may act as the owner of staff"]
        connection.rollback()
        connection.execute(sa.text("ALTER ROLE daybook_app RENAME TO daybook_other"))
        faults = list(find_guard_faults(connection))
        assert "daybook_other holds INSERT on staff" in faults
        assert (
            faults[-1] == "role daybook_app is missing: the program can only run as the owner of its tables"
        )
    engine.dispose()
