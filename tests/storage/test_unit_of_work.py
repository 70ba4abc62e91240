"""Nothing changes without an event that covers it, whichever way the change is made (AUD-01)."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from app.domain.records.access import CLOCK, SYSTEM
from app.domain.records.audit import AuditEvent, find_chain_faults
from app.domain.records.audit import ChainEntry as Told
from app.storage.audit import UnauditedChange, UnpublishedChange, append_if_unmoved, build_entry
from app.storage.engine import WriteRefused, allow_writes, write_engine
from app.storage.row_changes import participant_chain
from app.storage.statements.save_answers import write_answers
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Contact, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import Throttle
from app.storage.unit_of_work import UnitOfWork
from tests.storage.trial import Trial, a_participant

_PARTICIPANT: sa.Table = Participant.__table__  # type: ignore[attr-defined]  # declared at run time


def language(engine: Engine, trial: Trial) -> str:
    with Session(engine) as session:
        return session.get_one(Participant, trial.participant).language


def last_entry(engine: Engine, chain: str) -> AuditEntry:
    with Session(engine) as session:
        newest = select(AuditEntry).where(AuditEntry.chain == chain).order_by(col(AuditEntry.seq).desc())
        return session.exec(newest.limit(1)).one()


def rewrite(engine: Engine, trial: Trial, at: datetime, finish: Callable[[UnitOfWork], None]) -> None:
    """Change a language and finish in some wrong way."""
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.session.get_one(Participant, trial.participant).language = "en"
        finish(work)


@pytest.mark.req("AUD-01", "EDC-04")
def test_a_changed_fact_of_a_form_that_was_not_compared_with_the_feed_is_refused(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    def excuse(*, compared: bool) -> None:
        with UnitOfWork(engine, SYSTEM, at) as work:
            assert work.session.get_one(Slot, trial.slot).excused is None
            work.session.get_one(Slot, trial.slot).excused = "no_translation"
            work.record(AuditEvent.SLOT_EXCUSED, trial.chain)
            if compared:
                work.mark_published(trial.chain)

    with pytest.raises(UnpublishedChange):
        excuse(compared=False)
    excuse(compared=True)
    with UnitOfWork(engine, SYSTEM, at) as work:
        assert work.session.get_one(Slot, trial.slot).excused == "no_translation"


@pytest.mark.req("AUD-01", "AUD-02")
def test_a_change_is_told_field_by_field(engine: Engine, trial: Trial, at: datetime) -> None:
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.session.get_one(Participant, trial.participant).language = "en"
        work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain, reason="asked for it")
    entry = last_entry(engine, trial.chain)
    assert json.loads(entry.changes) == [
        {"record": "participant:p01-001", "field": "language", "old": "zh_CN", "new": "en"}
    ]
    assert (entry.reason, entry.actor_id, entry.at) == ("asked for it", "daybook", at)
    assert language(engine, trial) == "en"


@pytest.mark.req("AUD-01")
def test_a_forgotten_event_refuses_the_change(engine: Engine, trial: Trial, at: datetime) -> None:
    with pytest.raises(UnauditedChange, match="language changed without an event"):
        rewrite(engine, trial, at, lambda _work: None)
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
def test_an_event_of_something_else_does_not_cover_it(engine: Engine, trial: Trial, at: datetime) -> None:
    with pytest.raises(UnauditedChange):
        rewrite(engine, trial, at, lambda work: work.record(AuditEvent.SLOT_OPENED, trial.chain))
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01", "AUD-02")
def test_joined_acts_are_one_transaction_of_entries_by_their_own_actors(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    later = at + timedelta(minutes=5)
    with UnitOfWork(engine, SYSTEM, at) as opened:
        with opened.joined(CLOCK, at) as first:
            first.session.get_one(Participant, trial.participant).language = "en"
            first.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
        with opened.joined(SYSTEM, later) as second:
            second.session.get_one(Participant, trial.participant).reminders_wanted = True
            second.record(AuditEvent.PARTICIPANT_UPDATED, trial.chain)
        assert language(engine, trial) == "zh_CN", "nothing is committed before the first one is left"
    with Session(engine) as session:
        statement = select(AuditEntry).where(AuditEntry.chain == trial.chain).order_by(col(AuditEntry.seq))
        entries = session.exec(statement).all()[-2:]
    assert [(each.actor_id, each.at) for each in entries] == [(CLOCK.id, at), (SYSTEM.id, later)]
    assert [change["field"] for each in entries for change in json.loads(each.changes)] == [
        "language",
        "reminders_wanted",
    ]


@pytest.mark.req("AUD-01")
def test_a_joined_act_is_covered_by_its_own_events_alone(engine: Engine, trial: Trial, at: datetime) -> None:
    def join_twice(opened: UnitOfWork) -> None:
        with opened.joined(SYSTEM, at) as first:
            first.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
        with opened.joined(SYSTEM, at) as second:
            second.session.get_one(Participant, trial.participant).language = "en"

    with pytest.raises(UnauditedChange), UnitOfWork(engine, SYSTEM, at) as opened:
        join_twice(opened)
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
def test_a_joined_act_that_failed_stops_the_transaction(engine: Engine, trial: Trial, at: datetime) -> None:
    def fail_and_go_on(opened: UnitOfWork) -> None:
        with suppress(LookupError), opened.joined(SYSTEM, at) as act:
            act.session.get_one(Participant, trial.participant).language = "en"
            act.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
            raise LookupError

    with (
        pytest.raises(WriteRefused, match="act of this transaction failed"),
        UnitOfWork(engine, SYSTEM, at) as opened,
    ):
        fail_and_go_on(opened)
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01", "AUD-02")
def test_an_event_of_one_participant_never_tells_of_another(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    def change(work: UnitOfWork) -> None:
        work.session.get_one(Participant, trial.participant).language = "en"
        work.record(AuditEvent.LANGUAGE_CHANGED, participant_chain(other))

    with UnitOfWork(engine, SYSTEM, at) as work:
        other = a_participant(work, trial.study, trial.site, "01-777").id or 0
    with (
        pytest.raises(UnauditedChange, match="language changed without an event"),
        UnitOfWork(engine, SYSTEM, at) as work,
    ):
        change(work)
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
@pytest.mark.parametrize("covered", [True, False])
def test_rows_stored_by_one_statement_need_an_event_too(
    engine: Engine, trial: Trial, at: datetime, covered: bool
) -> None:
    refused = nullcontext() if covered else pytest.raises(UnauditedChange)
    with Session(engine) as session:
        sample = session.exec(select(Slot).where(Slot.participant_id == trial.participant)).first()
        assert sample is not None
        values = sample.model_dump(exclude={"id"})
    rows = [{**values, "visit": f"X-{n}", "public_id": f"x{n}", "for_day": None} for n in range(3)]
    with refused, UnitOfWork(engine, SYSTEM, at) as work:
        work.insert_rows(Slot, rows)
        if covered:
            work.record(AuditEvent.VISIT_REQUESTED, trial.chain)
    with Session(engine) as session:
        stored = session.exec(select(Slot.visit).where(col(Slot.public_id).in_(["x0", "x1", "x2"]))).all()
    assert len(stored) == (3 if covered else 0)
    if covered:
        told = {change["record"] for change in json.loads(last_entry(engine, trial.chain).changes)}
        assert told == {f"slot:X-{n}/{sample.instrument}" for n in range(3)}


@pytest.mark.req("AUD-01")
def test_only_rows_whose_changes_can_be_told_are_stored_by_one_statement(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    with pytest.raises(LookupError, match="contact"), UnitOfWork(engine, SYSTEM, at) as work:
        work.insert_rows(
            Contact, [{"participant_id": trial.participant, "channel": "email", "address_sealed": "x"}]
        )


@pytest.mark.req("AUD-01")
def test_a_change_flushed_early_without_an_event_is_refused(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    with pytest.raises(UnauditedChange):
        rewrite(engine, trial, at, lambda work: work.session.flush())
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
def test_a_change_that_was_flushed_early_is_told_too(engine: Engine, trial: Trial, at: datetime) -> None:
    with UnitOfWork(engine, SYSTEM, at) as work:
        participant = work.session.get_one(Participant, trial.participant)
        participant.language = "en"
        work.session.flush()
        participant.reminders_wanted = True
        work.record(AuditEvent.PARTICIPANT_UPDATED, trial.chain)
    told = {change["field"] for change in json.loads(last_entry(engine, trial.chain).changes)}
    assert told == {"language", "reminders_wanted"}
    assert language(engine, trial) == "en"


def test_reading_never_flushes(engine: Engine, trial: Trial, at: datetime) -> None:
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.session.get_one(Participant, trial.participant).language = "en"
        found = work.session.execute(sa.select(_PARTICIPANT.c.language)).scalar_one()
        work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
    assert found == "zh_CN"
    assert language(engine, trial) == "en"


@pytest.mark.req("AUD-01")
@pytest.mark.parametrize(
    "statement",
    [
        sa.update(_PARTICIPANT).values(language="en"),
        sa.delete(_PARTICIPANT),
        sa.insert(_PARTICIPANT).values(public_id="x"),
        sa.text("UPDATE participant SET language = 'en'"),
        sa.text("WITH gone AS (SELECT 1) UPDATE participant SET language = 'en'"),
    ],
)
@pytest.mark.parametrize("through", ["session", "connection"])
def test_a_bulk_statement_is_refused_in_a_unit_of_work(
    engine: Engine, trial: Trial, at: datetime, statement: sa.Executable, through: str
) -> None:
    refused = pytest.raises(WriteRefused, match="outside a unit of work")
    with refused, UnitOfWork(engine, SYSTEM, at) as work:
        work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
        work.session.flush()
        runner = work.session if through == "session" else work.session.connection()
        runner.execute(statement)
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
def test_only_bookkeeping_columns_are_set_without_an_entry(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    whom = _PARTICIPANT.c.id == trial.participant
    refused = pytest.raises(UnauditedChange, match=r"participant\.language changes only with an event")
    with refused, UnitOfWork(engine, SYSTEM, at) as work:
        work.update_bookkeeping(_PARTICIPANT, whom, {"language": "en"})
    assert language(engine, trial) == "zh_CN"
    slots = table_of(Slot)
    with UnitOfWork(engine, CLOCK, at) as work:
        work.update_bookkeeping(slots, slots.c.id == trial.slot, {"wake_at": at})
    with Session(engine) as session:
        assert session.get_one(Slot, trial.slot).wake_at == at


@pytest.mark.req("AUD-01")
def test_a_technical_table_is_set_without_an_entry(engine: Engine, trial: Trial, at: datetime) -> None:
    table = table_of(Throttle)
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.session.add(Throttle(subject="a", failures=1, since_at=at))
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.update_bookkeeping(table, table.c.subject == "a", {"failures": 2})
    with Session(engine) as session:
        assert session.get_one(Throttle, "a").failures == 2
    assert trial.participant


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
    with engine.connect() as connection, allow_writes(connection):
        driver = connection.connection.dbapi_connection
        assert driver is not None
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            driver.cursor().execute(statement)


@pytest.mark.req("AUD-01")
def test_a_hot_statement_writes_only_what_its_event_covers(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    with write_engine(engine).begin() as connection:
        head = connection.execute(sa.select(AuditChain).where(col(AuditChain.chain) == trial.chain)).one()
        audited = build_entry(head, AuditEvent.LANGUAGE_CHANGED, SYSTEM, at, ())
        with pytest.raises(UnauditedChange, match="does not cover answer_event"):
            write_answers(connection, audited, [], None)
        with pytest.raises(WriteRefused):
            connection.execute(sa.update(_PARTICIPANT).values(language="en"))
    assert language(engine, trial) == "zh_CN"
    assert last_entry(engine, trial.chain).seq == head.seq


@pytest.mark.req("AUD-01", "AUD-02")
def test_a_hot_statement_joins_a_unit_of_work_in_the_order_of_its_chain(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    """What was declared before stands before it in the chain, what is declared after it behind."""
    with UnitOfWork(engine, SYSTEM, at) as work:
        participant = work.session.get_one(Participant, trial.participant)
        participant.language = "en"
        work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
        with work.hot_connection(trial.chain) as connection:
            head = connection.execute(sa.select(AuditChain).where(col(AuditChain.chain) == trial.chain)).one()
            opened = build_entry(head, AuditEvent.SLOT_OPENED, CLOCK, at, ())
            assert append_if_unmoved(connection, opened)
        participant.reminders_wanted = True
        work.record(AuditEvent.PARTICIPANT_UPDATED, trial.chain)
    with Session(engine) as session:
        chain = select(AuditEntry).where(AuditEntry.chain == trial.chain).order_by(col(AuditEntry.seq))
        last = session.exec(chain).all()[-3:]
    events = (AuditEvent.LANGUAGE_CHANGED, AuditEvent.SLOT_OPENED, AuditEvent.PARTICIPANT_UPDATED)
    assert [each.event for each in last] == list(events)
    assert [each.prev_hash for each in last[1:]] == [each.hash for each in last[:-1]]


@pytest.mark.req("AUD-01")
def test_a_joined_hot_statement_that_failed_stops_the_transaction(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    def fail_and_go_on(work: UnitOfWork) -> None:
        work.session.get_one(Participant, trial.participant).language = "en"
        work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
        with suppress(LookupError), work.hot_connection(trial.chain):
            raise LookupError

    with pytest.raises(WriteRefused, match="act of this"), UnitOfWork(engine, SYSTEM, at) as work:
        fail_and_go_on(work)
    assert language(engine, trial) == "zh_CN"


def test_a_row_that_a_statement_changed_is_read_again(engine: Engine, trial: Trial, at: datetime) -> None:
    later = at + timedelta(days=1)
    with UnitOfWork(engine, SYSTEM, at) as work:
        participant = work.session.get_one(Participant, trial.participant)
        slot = work.session.get_one(Slot, trial.slot)
        assert slot.wake_at != later
        work.update_bookkeeping(table_of(Slot), col(Slot.id) == trial.slot, {"wake_at": later})
        assert slot.wake_at == later
        assert participant not in work.session.dirty
        work.update_bookkeeping(table_of(Slot), col(Slot.id) == trial.slot, {"wake_at": at})
    assert slot.public_id, "what was not changed stays readable after the end"
    with UnitOfWork(engine, SYSTEM, at) as work:
        slot = work.session.get_one(Slot, trial.slot)
        work.reread(Slot, trial.slot)
        work.reread(Slot, trial.slot + 1)
        assert sa.inspect(slot).expired


@pytest.mark.req("AUD-01")
def test_only_the_unit_of_work_commits(engine: Engine, trial: Trial, at: datetime) -> None:
    with pytest.raises(WriteRefused, match="only the unit of work commits"):
        rewrite(engine, trial, at, lambda work: work.session.commit())
    assert language(engine, trial) == "zh_CN"


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
        driver = connection.connection.dbapi_connection
        assert driver is not None
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            driver.cursor().execute("COMMIT; UPDATE participant SET language = 'en'")
    assert language(postgres_engine, postgres_trial) == "zh_CN"


def test_the_engine_reads_with_a_common_table_expression(engine: Engine, trial: Trial) -> None:
    with engine.connect() as connection:
        found = connection.execute(sa.text("WITH one AS (SELECT 1 AS n) SELECT n FROM one")).scalar_one()
    assert found == 1
    assert trial.slot


def test_a_refusal_rolls_everything_back(engine: Engine, trial: Trial, at: datetime) -> None:
    before = last_entry(engine, trial.chain).seq

    def fail(work: UnitOfWork) -> None:
        work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
        work.session.flush()
        raise LookupError("something else went wrong")

    with pytest.raises(LookupError):
        rewrite(engine, trial, at, fail)
    assert language(engine, trial) == "zh_CN"
    assert last_entry(engine, trial.chain).seq == before


def test_secrets_are_never_told(engine: Engine, trial: Trial, at: datetime) -> None:
    sealed = Contact(
        participant_id=trial.participant, channel="email", address_sealed="sealed-text", recorded_at=at
    )
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.session.add(sealed)
        work.record(AuditEvent.PARTICIPANT_ENROLLED, trial.chain)
    changes = last_entry(engine, trial.chain).changes
    assert "sealed-text" not in changes
    assert '"address_sealed","new":"secret"' in changes


def test_a_removed_row_is_told(migrated_sqlite_engine: Engine, at: datetime, sqlite_trial: Trial) -> None:
    contact = Contact(
        participant_id=sqlite_trial.participant, channel="email", address_sealed="s", recorded_at=at
    )
    with UnitOfWork(migrated_sqlite_engine, SYSTEM, at) as work:
        work.session.add(contact)
        work.record(AuditEvent.PARTICIPANT_ENROLLED, sqlite_trial.chain)
    with UnitOfWork(migrated_sqlite_engine, SYSTEM, at) as work:
        work.session.delete(work.session.get_one(Contact, sqlite_trial.participant))
        work.record(AuditEvent.PARTICIPANT_ENROLLED, sqlite_trial.chain)
    told = json.loads(last_entry(migrated_sqlite_engine, sqlite_trial.chain).changes)
    assert {
        "record": f"contact:{sqlite_trial.participant}",
        "field": "channel",
        "old": "email",
        "new": None,
    } in told


def test_technical_columns_need_no_event(engine: Engine, trial: Trial, at: datetime) -> None:
    with UnitOfWork(engine, CLOCK, at) as work:
        work.session.get_one(Slot, trial.slot).wake_at = at + timedelta(days=1)
    with Session(engine) as session:
        assert session.get_one(Slot, trial.slot).wake_at == at + timedelta(days=1)


@pytest.mark.req("AUD-04")
def test_entries_are_linked_to_their_heads(engine: Engine, trial: Trial, at: datetime) -> None:
    for wanted in ("en", "zh_CN", "en"):
        with UnitOfWork(engine, SYSTEM, at) as work:
            work.lock(trial.chain)
            work.session.get_one(Participant, trial.participant).language = wanted
            work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
    with Session(engine) as session:
        rows = session.exec(select(AuditEntry).order_by(col(AuditEntry.chain), col(AuditEntry.seq))).all()
        heads = {head.chain: (head.seq, head.hash) for head in session.exec(select(AuditChain)) if head.seq}
    entries = [Told(**row.model_dump(exclude={"id"})) for row in rows]
    assert list(find_chain_faults(entries, heads)) == []
    assert heads[trial.chain][0] == 5


@pytest.mark.req("AUD-01", "AUD-04")
def test_a_column_that_people_are_not_told_of_needs_an_event_too(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    with pytest.raises(UnauditedChange, match="slot changed"), UnitOfWork(engine, SYSTEM, at) as work:
        work.session.get_one(Slot, trial.slot).window_version = 9


@pytest.mark.req("AUD-04")
def test_a_hot_statement_writes_only_what_its_entry_states(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    with write_engine(engine).begin() as connection:
        head = connection.execute(sa.select(AuditChain).where(col(AuditChain.chain) == trial.chain)).one()
        audited = build_entry(head, AuditEvent.ANSWER_SAVED, SYSTEM, at, ())
        with pytest.raises(UnauditedChange, match="states nothing of answer_event"):
            write_answers(connection, audited, [], None)
