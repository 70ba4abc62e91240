"""What a statement may write that comes from no unit of work: nothing (AUD-01)."""

import sqlite3
from datetime import datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from app.domain.records.access import CLOCK, SYSTEM
from app.domain.records.audit import AuditEvent
from app.storage.audit import UnauditedChange
from app.storage.database.write_guard import WriteRefused
from app.storage.engine import write_engine
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import Throttle
from app.storage.unit_of_work import UnitOfWork
from tests.storage.trial import Trial, language
from tests.unaudited_writes import allow_everything

PARTICIPANT = table_of(Participant)


@pytest.mark.req("AUD-01")
@pytest.mark.parametrize(
    "statement",
    [
        sa.update(PARTICIPANT).values(language="en"),
        sa.delete(PARTICIPANT),
        sa.insert(PARTICIPANT).values(public_id="x"),
        sa.text("UPDATE participant SET language = 'en'"),
        sa.text("WITH gone AS (SELECT 1) UPDATE participant SET language = 'en'"),
        sa.text("WITH a AS (SELECT 1) MERGE INTO participant USING a ON true WHEN MATCHED THEN DELETE"),
        sa.text("EXPLAIN ANALYZE DELETE FROM participant"),
        sa.text("SELECT 1; DELETE FROM participant"),
    ],
)
@pytest.mark.parametrize("through", ["session", "connection"])
def test_a_bulk_statement_is_refused_in_a_unit_of_work(
    engine: Engine, trial: Trial, at: datetime, statement: sa.Executable, through: str
) -> None:
    refused = pytest.raises(WriteRefused, match=r"outside a unit of work|at once")
    with refused, UnitOfWork(engine, SYSTEM, at) as work:
        work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
        work.session.flush()
        runner = work.session if through == "session" else work.session.connection()
        runner.execute(statement)
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
def test_a_select_that_writes_all_the_same_is_refused_by_the_database(postgres_engine: Engine) -> None:
    locking = sa.text("SELECT id FROM participant FOR UPDATE")
    with pytest.raises(WriteRefused, match="read-only"), postgres_engine.connect() as connection:
        connection.execute(locking)


@pytest.mark.req("AUD-01")
def test_only_bookkeeping_columns_are_set_without_an_entry(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    whom = PARTICIPANT.c.id == trial.participant
    refused = pytest.raises(UnauditedChange, match=r"participant\.language changes only with an event")
    with refused, UnitOfWork(engine, SYSTEM, at) as work:
        work.update_bookkeeping(PARTICIPANT, whom, {"language": "en"})
    assert language(engine, trial) == "zh_CN"
    slots = table_of(Slot)
    with UnitOfWork(engine, CLOCK, at) as work:
        work.update_bookkeeping(slots, slots.c.id == trial.slot, {"wake_at": at})
    with Session(engine) as session:
        assert session.get_one(Slot, trial.slot).wake_at == at


@pytest.mark.req("AUD-01")
def test_a_technical_table_is_set_without_an_entry(engine: Engine, at: datetime) -> None:
    table = table_of(Throttle)
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.session.add(Throttle(subject="a", failures=1, since_at=at))
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.update_bookkeeping(table, table.c.subject == "a", {"failures": 2})
    with Session(engine) as session:
        assert session.get_one(Throttle, "a").failures == 2


@pytest.mark.req("AUD-01")
@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH ':memory:' AS other",
        "PRAGMA writable_schema=ON",
        "PRAGMA recursive_triggers=OFF",
        "PRAGMA Query_Only = 0",
        "PRAGMA query_only(OFF)",
        "PRAGMA foreign_keys=OFF",
        "PRAGMA ignore_check_constraints=ON",
    ],
)
@pytest.mark.parametrize("writes", [True, False])
def test_no_statement_switches_a_safeguard_of_sqlite_off(
    migrated_sqlite_engine: Engine, statement: str, writes: bool
) -> None:
    engine = write_engine(migrated_sqlite_engine) if writes else migrated_sqlite_engine
    with engine.connect() as connection, allow_everything(connection):
        driver: Any = connection.connection.dbapi_connection
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            sqlite3.Cursor.execute(driver.cursor(), statement)  # what SQLite itself says, unguarded


@pytest.mark.req("AUD-01")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE participant SET language = 'en'",
        "DELETE FROM participant",
        "  insert into throttle VALUES ('x', 1, '2026-03-01 02:00:00')",
        "WITH gone AS (SELECT 1) UPDATE participant SET language = 'en'",
        "DROP TABLE participant",
    ],
)
def test_the_engine_itself_only_reads(engine: Engine, trial: Trial, statement: str) -> None:
    with pytest.raises(WriteRefused, match="read-only"), engine.connect() as connection:
        connection.execute(sa.text(statement))
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
@pytest.mark.parametrize(
    "statements",
    [
        ["PRAGMA query_only=OFF"],
        ["SET TRANSACTION READ WRITE"],
        ["SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"],
        ["SELECT set_config('transaction_read_only', 'off', true)"],
        ["SELECT set_config('default_transaction_read_only', 'off', false)", "COMMIT"],
        ["COMMIT", "BEGIN"],
        ["  commit"],
        ["/* */ SET TRANSACTION READ WRITE"],
        ["-- now\nSET TRANSACTION READ WRITE"],
        ["; SET TRANSACTION READ WRITE"],
        ["COMMIT; BEGIN READ WRITE"],
        ["SELECT 1; COMMIT; BEGIN READ WRITE"],
        ["ROLLBACK", "BEGIN IMMEDIATE"],
    ],
)
def test_no_statement_makes_a_connection_write_that_was_opened_to_read(
    engine: Engine, trial: Trial, statements: list[str]
) -> None:
    def execute_all() -> None:
        with engine.connect() as connection:
            for statement in [*statements, "UPDATE participant SET language = 'en'"]:
                connection.exec_driver_sql(statement)

    with pytest.raises((WriteRefused, sa.exc.DBAPIError)):
        execute_all()
    assert language(engine, trial) == "zh_CN"


def test_a_transaction_that_the_engine_did_not_begin_only_reads(
    postgres_engine: Engine, postgres_trial: Trial
) -> None:
    with postgres_engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):  # what PostgreSQL itself says, unguarded
            psycopg.Cursor(driver).execute("COMMIT; UPDATE participant SET language = 'en'")
    assert language(postgres_engine, postgres_trial) == "zh_CN"


def test_the_engine_reads_with_a_common_table_expression(engine: Engine) -> None:
    with engine.connect() as connection:
        value = connection.execute(sa.text("WITH one AS (SELECT 1 AS n) SELECT n FROM one")).scalar_one()
    assert value == 1
