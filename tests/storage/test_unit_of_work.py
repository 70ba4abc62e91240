"""Nothing changes without an event that covers it, whichever way the change is made (AUD-01)."""

import json
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from app.domain.records.access import CLOCK, SYSTEM
from app.domain.records.audit import AuditEvent, ChainEntry, find_chain_faults
from app.storage.audit import UnauditedChange, UnpublishedChange
from app.storage.database.write_guard import WriteRefused
from app.storage.plain_rows import SlotRecord
from app.storage.queries.slots import list_slot_records
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Contact, Participant
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork
from tests.storage.trial import Trial, a_participant, language, last_entry


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
def test_a_change_is_audited_field_by_field(engine: Engine, trial: Trial, at: datetime) -> None:
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
def test_an_event_of_one_participant_never_tells_of_another(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    def change(work: UnitOfWork) -> None:
        work.session.get_one(Participant, trial.participant).language = "en"
        work.record(AuditEvent.LANGUAGE_CHANGED, participant_chain(other))

    with UnitOfWork(engine, SYSTEM, at) as work:
        other = a_participant(work, trial.study, trial.site, "01-777").id
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
        work.insert_slots(rows)
        if covered:
            work.record(AuditEvent.VISIT_REQUESTED, trial.chain)
    with Session(engine) as session:
        stored = session.exec(select(Slot.visit).where(col(Slot.public_id).in_(["x0", "x1", "x2"]))).all()
    assert len(stored) == (3 if covered else 0)
    if covered:
        changes = {change["record"] for change in json.loads(last_entry(engine, trial.chain).changes)}
        assert changes == {f"slot:X-{n}/{sample.instrument}" for n in range(3)}


def later(slot: SlotRecord) -> SlotRecord:
    """The slot with a window that ends a day later."""
    assert slot.closes_on is not None
    return slot._replace(closes_on=slot.closes_on + timedelta(days=1), window_version=slot.window_version + 1)


def slot_of(engine: Engine, trial: Trial) -> SlotRecord:
    """The one slot as the database has it."""
    with Session(engine) as session:
        return {each.id: each for each in list_slot_records(session, trial.participant)}[trial.slot]


@pytest.mark.req("AUD-01")
def test_slots_changed_by_one_statement_are_audited_and_refreshed(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    slot = slot_of(engine, trial)
    with UnitOfWork(engine, SYSTEM, at) as work:
        loaded = work.session.get_one(Slot, trial.slot)
        work.update_slots(trial.participant, [(slot, later(slot))])
        assert (loaded.closes_on, loaded.window_version) == (later(slot).closes_on, slot.window_version + 1)
        work.record(AuditEvent.SCHEDULE_MENDED, trial.chain)
        work.mark_published(trial.chain)
    (changes,) = json.loads(last_entry(engine, trial.chain).changes)
    days = f"{slot.opens_on}/{slot.target_on}/"
    assert changes == {
        "record": f"slot:{slot.visit}/{slot.instrument}",
        "field": "window",
        "old": f"{days}{slot.closes_on}",
        "new": f"{days}{later(slot).closes_on}",
    }


@pytest.mark.req("AUD-01")
def test_slots_changed_by_one_statement_need_event_and_feed(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    slot = slot_of(engine, trial)

    def move(*, recorded: bool) -> None:
        with UnitOfWork(engine, SYSTEM, at) as work:
            work.update_slots(trial.participant, [(slot, later(slot))])
            if recorded:
                work.record(AuditEvent.SCHEDULE_MENDED, trial.chain)

    with pytest.raises(UnauditedChange):
        move(recorded=False)
    with pytest.raises(UnpublishedChange):
        move(recorded=True)
    assert slot_of(engine, trial) == slot
    with UnitOfWork(engine, SYSTEM, at) as work:  # when the clock next looks at a form needs no entry
        work.update_slots(trial.participant, [(slot, slot._replace(wake_at=at)), (slot, slot)])
    assert slot_of(engine, trial) == slot._replace(wake_at=at)


@pytest.mark.req("AUD-01")
def test_a_slot_changed_by_one_statement_stays_whose_it_is(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    with UnitOfWork(engine, SYSTEM, at) as work:
        other = a_participant(work, trial.study, trial.site, "01-777").id
    slot = slot_of(engine, trial)
    with pytest.raises(WriteRefused, match="become another"), UnitOfWork(engine, SYSTEM, at) as work:
        work.update_slots(trial.participant, [(slot, slot._replace(public_id="another"))])
    with pytest.raises(WriteRefused, match="not one of"), UnitOfWork(engine, SYSTEM, at) as work:
        work.update_slots(other, [(slot, later(slot))])


@pytest.mark.req("AUD-01")
def test_what_failed_and_was_caught_is_never_committed(engine: Engine, trial: Trial, at: datetime) -> None:
    slot = slot_of(engine, trial)
    wrong = [(each, each._replace(missed_reason="x")) for each in (slot, slot._replace(id=77))]

    def fail_beside_hot_statements(work: UnitOfWork) -> None:
        with work.hot_connection(trial.chain), suppress(WriteRefused):
            work.update_slots(trial.participant, wrong)

    def fail_at_the_end_of_an_act(work: UnitOfWork) -> None:
        with suppress(UnauditedChange), work.join_act(SYSTEM, at) as act:
            act.session.get_one(Participant, trial.participant).language = "en"
        work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)  # that of another act

    for fail in (fail_beside_hot_statements, fail_at_the_end_of_an_act):
        with pytest.raises(WriteRefused, match="failed"), UnitOfWork(engine, SYSTEM, at) as work:
            fail(work)
    assert slot_of(engine, trial) == slot
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
def test_a_change_flushed_early_without_an_event_is_refused(
    engine: Engine, trial: Trial, at: datetime
) -> None:
    with pytest.raises(UnauditedChange):
        rewrite(engine, trial, at, lambda work: work.session.flush())
    assert language(engine, trial) == "zh_CN"


@pytest.mark.req("AUD-01")
def test_a_change_flushed_early_is_audited(engine: Engine, trial: Trial, at: datetime) -> None:
    with UnitOfWork(engine, SYSTEM, at) as work:
        participant = work.session.get_one(Participant, trial.participant)
        participant.language = "en"
        work.session.flush()
        participant.reminders_wanted = True
        work.record(AuditEvent.PARTICIPANT_UPDATED, trial.chain)
    changes = {change["field"] for change in json.loads(last_entry(engine, trial.chain).changes)}
    assert changes == {"language", "reminders_wanted"}
    assert language(engine, trial) == "en"


def test_reading_never_flushes(engine: Engine, trial: Trial, at: datetime) -> None:
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.session.get_one(Participant, trial.participant).language = "en"
        stored_language = work.session.execute(sa.select(col(Participant.language))).scalar_one()
        work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
    assert stored_language == "zh_CN"
    assert language(engine, trial) == "en"


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


def test_secrets_are_never_audited(engine: Engine, trial: Trial, at: datetime) -> None:
    sealed = Contact(
        participant_id=trial.participant, channel="email", address_sealed="sealed-text", recorded_at=at
    )
    with UnitOfWork(engine, SYSTEM, at) as work:
        work.session.add(sealed)
        work.record(AuditEvent.PARTICIPANT_ENROLLED, trial.chain)
    changes = last_entry(engine, trial.chain).changes
    assert "sealed-text" not in changes
    assert '"address_sealed","new":"secret"' in changes


def test_a_removed_row_is_audited(migrated_sqlite_engine: Engine, at: datetime, sqlite_trial: Trial) -> None:
    contact = Contact(
        participant_id=sqlite_trial.participant, channel="email", address_sealed="s", recorded_at=at
    )
    with UnitOfWork(migrated_sqlite_engine, SYSTEM, at) as work:
        work.session.add(contact)
        work.record(AuditEvent.PARTICIPANT_ENROLLED, sqlite_trial.chain)
    with UnitOfWork(migrated_sqlite_engine, SYSTEM, at) as work:
        work.session.delete(work.session.get_one(Contact, sqlite_trial.participant))
        work.record(AuditEvent.PARTICIPANT_ENROLLED, sqlite_trial.chain)
    changes = json.loads(last_entry(migrated_sqlite_engine, sqlite_trial.chain).changes)
    assert {
        "record": f"contact:{sqlite_trial.participant}",
        "field": "channel",
        "old": "email",
        "new": None,
    } in changes


def test_technical_columns_need_no_event(engine: Engine, trial: Trial, at: datetime) -> None:
    with UnitOfWork(engine, CLOCK, at) as work:
        work.session.get_one(Slot, trial.slot).wake_at = at + timedelta(days=1)
    with Session(engine) as session:
        assert session.get_one(Slot, trial.slot).wake_at == at + timedelta(days=1)


@pytest.mark.req("AUD-04")
def test_entries_are_linked_to_their_heads(engine: Engine, trial: Trial, at: datetime) -> None:
    for code in ("en", "zh_CN", "en"):
        with UnitOfWork(engine, SYSTEM, at) as work:
            work.lock(trial.chain)
            work.session.get_one(Participant, trial.participant).language = code
            work.record(AuditEvent.LANGUAGE_CHANGED, trial.chain)
    with Session(engine) as session:
        rows = session.exec(select(AuditEntry).order_by(col(AuditEntry.chain), col(AuditEntry.seq))).all()
        heads = {head.chain: (head.seq, head.hash) for head in session.exec(select(AuditChain)) if head.seq}
    entries = [ChainEntry(**row.model_dump(exclude={"id"})) for row in rows]
    assert list(find_chain_faults(entries, heads)) == []
    assert heads[trial.chain][0] == 5


@pytest.mark.req("AUD-01", "AUD-04")
def test_an_unaudited_column_needs_an_event(engine: Engine, trial: Trial, at: datetime) -> None:
    with pytest.raises(UnauditedChange, match="slot changed"), UnitOfWork(engine, SYSTEM, at) as work:
        work.session.get_one(Slot, trial.slot).window_version = 9
