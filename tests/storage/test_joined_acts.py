"""Acts and hot statements that join one transaction: each is covered by its own event, none stands alone."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlmodel import Session, col, select

from app.domain.records.access import CLOCK, SYSTEM
from app.domain.records.audit import AuditEvent
from app.storage.audit import UnauditedChange, append_if_unmoved, build_entry
from app.storage.database.write_guard import WriteRefused
from app.storage.engine import write_engine
from app.storage.statements.save_answers import write_answers
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Participant
from app.storage.unit_of_work import UnitOfWork
from tests.storage.trial import Trial, language, last_entry


def read_head(connection: Connection, trial: Trial) -> sa.Row[Any]:
    """The head of the participant's audit chain, as a hot statement knows it."""
    return connection.execute(sa.select(AuditChain).where(col(AuditChain.chain) == trial.chain)).one()


def newest_entries(engine: Engine, trial: Trial, number: int) -> Sequence[AuditEntry]:
    """The last so many entries of the participant's chain, in its order."""
    with Session(engine) as session:
        chain = select(AuditEntry).where(AuditEntry.chain == trial.chain).order_by(col(AuditEntry.seq))
        return session.exec(chain).all()[-number:]


@pytest.mark.req("AUD-01", "AUD-02")
def test_joined_acts_are_one_transaction_of_entries_by_their_own_actors(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    later = at + timedelta(minutes=5)
    with UnitOfWork(engine, SYSTEM, at) as opened:
        with opened.join_act(CLOCK, at) as first:
            first.session.get_one(Participant, trial.participant).language = "en"
            first.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
        with opened.join_act(SYSTEM, later) as second:
            second.session.get_one(Participant, trial.participant).reminders_wanted = True
            second.record(AuditEvent.PARTICIPANT_UPDATED, trial.chain)
        assert language(engine, trial) == "zh_CN", "nothing is committed before the first one is left"
    entries = newest_entries(engine, trial, 2)
    assert [(each.actor_id, each.at) for each in entries] == [(CLOCK.id, at), (SYSTEM.id, later)]
    assert [change["field"] for each in entries for change in json.loads(each.changes)] == [
        "language",
        "reminders_wanted",
    ]


@pytest.mark.req("AUD-01")
def test_a_joined_act_is_covered_by_its_own_events_alone(engine: Engine, trial: Trial, at: datetime) -> None:
    def join_twice(opened: UnitOfWork) -> None:
        with opened.join_act(SYSTEM, at) as first:
            first.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
        with opened.join_act(SYSTEM, at) as second:
            second.session.get_one(Participant, trial.participant).language = "en"

    with pytest.raises(UnauditedChange), UnitOfWork(engine, SYSTEM, at) as opened:
        join_twice(opened)
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
def test_a_joined_act_that_failed_stops_the_transaction(engine: Engine, trial: Trial, at: datetime) -> None:
    def fail_and_go_on(opened: UnitOfWork) -> None:
        with suppress(LookupError), opened.join_act(SYSTEM, at) as act:
            act.session.get_one(Participant, trial.participant).language = "en"
            act.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
            raise LookupError

    with (
        pytest.raises(WriteRefused, match="act of this transaction failed"),
        UnitOfWork(engine, SYSTEM, at) as opened,
    ):
        fail_and_go_on(opened)
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
def test_a_hot_statement_writes_only_what_its_event_covers(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    with write_engine(engine).begin() as connection:
        head = read_head(connection, trial)
        audited = build_entry(head, AuditEvent.LANGUAGE_CHANGED, SYSTEM, at, ())
        with pytest.raises(UnauditedChange, match="does not cover answer_event"):
            write_answers(connection, audited, [], None)
        with pytest.raises(WriteRefused):
            connection.execute(sa.update(table_of(Participant)).values(language="en"))
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
            head = read_head(connection, trial)
            opened = build_entry(head, AuditEvent.SLOT_OPENED, CLOCK, at, ())
            assert append_if_unmoved(connection, opened)
        participant.reminders_wanted = True
        work.record(AuditEvent.PARTICIPANT_UPDATED, trial.chain)
    last = newest_entries(engine, trial, 3)
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


@pytest.mark.req("AUD-04")
def test_a_hot_statement_writes_only_what_its_entry_states(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    with write_engine(engine).begin() as connection:
        head = read_head(connection, trial)
        audited = build_entry(head, AuditEvent.ANSWER_SAVED, SYSTEM, at, ())
        with pytest.raises(UnauditedChange, match="states nothing of answer_event"):
            write_answers(connection, audited, [], None)
