"""What time makes owed is done once, in order, and whatever else happens."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from app.domain.plans.plan import Owner
from app.domain.records.access import CLOCK, SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.services.audit.audit_seals import seal_days
from app.services.core.acts import purge_acts
from app.services.core.context import ClockContext, StaffContext
from app.services.core.installation import Installation
from app.services.reminders import due_slots
from app.services.reminders.due_slots import (
    DueWork,
    SlotsProcessed,
    find_due_work,
    participants_due,
    process_due_slots,
)
from app.services.schedule.dispositions import DispositionEntry, record_disposition, undo_disposition
from app.services.schedule.requested_visits import request_visit
from app.services.setup.studies import open_site
from app.storage.engine import write_engine
from app.storage.row_changes import participant_chain
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from app.storage.unit_of_work import UnitOfWork
from tests.scenarios.people import START, Person, days, enrol_person, site_entry, with_short_diary
from tests.scenarios.reminders import (
    count_entries,
    enrol_with_reminders,
    feed_types,
    messages,
    open_installation,
    process_all_due,
    shanghai,
)
from tests.scenarios.stale_next_due import find_stale_next_due
from tests.scenarios.trail_entries import verify_trail
from tests.statement_log import record_statements
from tests.unaudited_writes import allow_everything

RANDOMISED = date(2026, 3, 4)
W6_OPENS = date(2026, 4, 8)  # 4 March + 6 weeks - 7 days
W6_CLOSES = date(2026, 4, 22)


@pytest.mark.req("AVL-05")
def test_an_opened_slot_is_published_once(installation: Installation, person: Person) -> None:
    assert process_all_due(installation, START) == SlotsProcessed(opened=1)
    assert process_all_due(installation, START + days(1)) == SlotsProcessed()
    assert feed_types(installation, "BL") == ["assessment.opened"]
    assert person.slot("BL").published_state == "open"
    assert count_entries(installation, AuditEvent.SLOT_OPENED) == 1
    assert verify_trail(installation) == []


def test_a_missed_slot_is_published_when_its_window_closes(
    installation: Installation, person: Person
) -> None:
    process_all_due(installation, START)
    closed = person.slot("BL").closes_at
    assert closed is not None
    assert process_all_due(installation, closed - timedelta(seconds=1)) == SlotsProcessed()
    assert process_all_due(installation, closed) == SlotsProcessed(missed=1)
    assert feed_types(installation, "BL") == ["assessment.opened", "assessment.missed"]
    assert person.slot("BL").wake_at is None


def test_a_begun_slot_is_missed_only_after_its_grace(installation: Installation, person: Person) -> None:
    process_all_due(installation, START)
    person.begin("BL", START)
    slot = person.slot("BL")
    assert slot.closes_at is not None
    assert process_all_due(installation, slot.closes_at) == SlotsProcessed()
    assert process_all_due(installation, slot.closes_at + timedelta(hours=48)) == SlotsProcessed(missed=1)


def test_a_submitted_slot_owes_nothing(installation: Installation, person: Person) -> None:
    process_all_due(installation, START)
    person.begin("BL", START)
    person.submit("BL", START)
    assert process_all_due(installation, START + days(60)) == SlotsProcessed()
    assert feed_types(installation, "BL") == ["assessment.opened", "assessment.completed"]


@pytest.mark.req("AVL-05")
@pytest.mark.usefixtures("reader", "randomised")
def test_after_an_outage_events_are_in_order_and_reminders_few(installation: Installation) -> None:
    back = shanghai(W6_CLOSES + days(2), 12)
    done = process_all_due(installation, back)
    assert feed_types(installation, "W6") == ["assessment.opened", "assessment.missed"]
    assert feed_types(installation, "D0") == ["diary.opened", "diary.missed"]
    assert done.missed >= 45
    # Only yesterday evening's diary reminder is fresh; the dozens before it are not sent late.
    assert done.queued == 1
    with installation.read() as session:
        lines = session.execute(
            sa.text("SELECT line FROM feed_event WHERE type LIKE '%.opened' ORDER BY seq")
        )
        opened = [line.split('"opens_at":"')[1][:24] for (line,) in lines]
    assert opened == sorted(opened)
    assert process_all_due(installation, back) == SlotsProcessed()


def test_a_window_past_before_its_date_was_recorded_is_only_missed(
    installation: Installation, person: Person
) -> None:
    late = shanghai(W6_CLOSES + days(10))
    person.randomise(RANDOMISED, late)
    process_all_due(installation, late)
    assert person.slot("W6").missed_reason == "administrative"
    assert feed_types(installation, "W6") == ["assessment.missed"]


def test_a_moved_window_is_published_again(installation: Installation, person: Person) -> None:
    person.randomise(RANDOMISED, shanghai(RANDOMISED, 10))
    process_all_due(installation, shanghai(W6_OPENS, 1))
    person.randomise(RANDOMISED + days(2), shanghai(W6_OPENS, 2))
    assert person.slot("W6").published_state == "not_opened"
    process_all_due(installation, shanghai(W6_OPENS + days(2), 1))
    assert feed_types(installation, "W6") == [
        "assessment.opened",
        "assessment.rescheduled",
        "assessment.opened",
    ]


@pytest.mark.req("AVL-05")
def test_after_an_upgrade_the_first_tick_tells_every_difference_once(
    installation: Installation, person: Person
) -> None:
    process_all_due(installation, START)
    stale = {"published_state": "missed", "wake_at": START - days(1)}
    with write_engine(installation.engine).begin() as connection, allow_everything(connection):
        connection.execute(sa.update(Slot).where(col(Slot.visit) == "BL").values(**stale))
    process_all_due(installation, START + days(1))
    process_all_due(installation, START + days(1))
    assert feed_types(installation, "BL") == ["assessment.opened", "assessment.reopened"]
    assert count_entries(installation, AuditEvent.SLOT_PUBLISHED) == 1
    assert person.slot("BL").published_state == "open"


@pytest.mark.req("PRI-03")
@pytest.mark.usefixtures("reader", "randomised")
def test_reminders_are_queued_at_their_moments_once(installation: Installation) -> None:
    process_all_due(installation, shanghai(W6_OPENS - days(1), 23))
    before, queued = messages(installation), 0
    for hour in range(24 * 16):
        queued += process_all_due(installation, shanghai(W6_OPENS, 0) + timedelta(hours=hour)).queued
    kinds = [each.kind for each in messages(installation)[len(before) :]]
    assert queued == len(kinds)
    assert [kind for kind in kinds if kind != "entry"] == ["opening", "middle", "last_day"]
    assert kinds.count("entry") == 16
    assert {each.channel for each in messages(installation)} == {"email"}


def test_who_wants_no_reminders_gets_none_and_wakes_nobody(
    installation: Installation, person: Person
) -> None:
    assert person.slot("BL").wake_at == person.slot("BL").opens_at
    process_all_due(installation, START)
    assert person.slot("BL").wake_at == person.slot("BL").closes_at
    person.begin("BL", START)
    assert person.slot("BL").wake_at == person.slot("BL").grace_until
    assert messages(installation) == []


@pytest.mark.req("COR-10", "PRI-03")
@pytest.mark.parametrize(
    "kind", [DispositionKind.death, DispositionKind.withdrew_questionnaires, DispositionKind.withdrew_study]
)
@pytest.mark.usefixtures("randomised")
def test_no_reminder_after_an_exit(installation: Installation, reader: Person, kind: DispositionKind) -> None:
    entry = DispositionEntry(kind, RANDOMISED.isoformat(), Owner.site)
    at = shanghai(RANDOMISED, 11)
    record_disposition(
        StaffContext(installation, reader.nurse, at), reader.site.study_id, reader.subject, entry
    )
    done = [process_all_due(installation, shanghai(RANDOMISED, 20) + days(day)) for day in range(60)]
    assert sum(each.queued for each in done) == 0
    assert messages(installation) == []


def test_withdrawal_from_treatment_stops_no_reminder(installation: Installation, reader: Person) -> None:
    entry = DispositionEntry(DispositionKind.withdrew_treatment, START.date().isoformat(), Owner.site)
    record_disposition(
        StaffContext(installation, reader.nurse, START), reader.site.study_id, reader.subject, entry
    )
    assert process_all_due(installation, shanghai(START.date() + days(1), 10)).opened == 2  # BL and ET
    assert process_all_due(installation, shanghai(START.date() + days(7), 10)).queued == 1


def test_a_turn_claimed_by_another_worker_is_skipped(migrated_postgres_url: str) -> None:
    with open_installation(migrated_postgres_url) as installation:
        site = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
        participant_id = enrol_person(installation, site, "0571-001").row().id
        with UnitOfWork(installation.engine, CLOCK, START) as other:
            other.lock(participant_chain(participant_id))
            assert process_due_slots(ClockContext(installation, START), participant_id) == SlotsProcessed()
        assert process_due_slots(ClockContext(installation, START), participant_id) == SlotsProcessed(
            opened=1
        )
        assert process_due_slots(ClockContext(installation, START), participant_id) == SlotsProcessed()


def test_participants_with_due_work_are_listed_page_by_page(
    installation: Installation, people: Callable[[int], Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    owing = {people(number).row().id for number in range(1, 6)}
    monkeypatch.setattr(due_slots, "BATCH", 2)
    # Nobody is pushed, as if all of them were bad: the pages still go on.
    assert list(participants_due(ClockContext(installation, START))) == sorted(key for key in owing if key)
    assert list(participants_due(ClockContext(installation, START - days(9)))) == []


@pytest.mark.req("AVL-05")
def test_an_idle_tick_is_one_query(installation: Installation, person: Person) -> None:
    assert find_due_work(ClockContext(installation, START)) == DueWork(
        slots=True, messages=False, seals=True, acts=True, alerts=False
    )
    process_all_due(installation, START)
    seal_days(ClockContext(installation, START))
    assert purge_acts(ClockContext(installation, START)) == 0
    with record_statements(installation.engine) as statements:
        assert find_due_work(ClockContext(installation, START)) == DueWork(
            slots=False, messages=False, seals=False, acts=False, alerts=False
        )
    assert len(statements) == 1
    assert person.slot("BL").published_state == "open"


def test_the_index_answers_what_is_owed(migrated_sqlite_url: str) -> None:
    with open_installation(migrated_sqlite_url) as installation:
        with record_statements(installation.engine) as statements:
            find_due_work(ClockContext(installation, START))
        moments = ["2026-03-02 01:30:00.000000"] * statements[0].count("?")
    with closing(sqlite3.connect(migrated_sqlite_url.removeprefix("sqlite:///"))) as driver:
        plan = driver.execute(f"EXPLAIN QUERY PLAN {statements[0]}", moments).fetchall()
    plan_text = " ".join(str(row) for row in plan)
    assert "ix_slot_wake" in plan_text
    assert "ix_message_waiting" in plan_text


def test_wake_moments_are_right_after_every_change_of_a_fact(installation: Installation, site: Site) -> None:
    installation = with_short_diary(installation)
    reader = enrol_with_reminders(installation, site)

    def right(at: datetime) -> bool:
        return list(find_stale_next_due(ClockContext(installation, at))) == []

    def leave(kind: DispositionKind, on: date, at: datetime) -> None:
        entry = DispositionEntry(kind, on.isoformat(), Owner.site)
        record_disposition(
            StaffContext(installation, reader.nurse, at), reader.site.study_id, reader.subject, entry
        )

    study, subject = reader.site.study_id, reader.subject
    assert right(START)
    process_all_due(installation, START)
    assert right(START)
    reader.begin("BL", START)
    assert right(START)
    reader.submit("BL", START)
    assert right(START)
    at = shanghai(RANDOMISED, 10)
    reader.randomise(RANDOMISED, at)
    assert right(at)
    request_visit(StaffContext(installation, reader.nurse, at), study, subject, "UNS", RANDOMISED)
    assert right(at)
    leave(DispositionKind.withdrew_treatment, RANDOMISED, at)
    assert right(at)
    for day in range(4):
        at = shanghai(RANDOMISED + days(day), 19, 30)
        process_all_due(installation, at)
        assert right(at)
    reader.randomise(RANDOMISED + days(1), at)
    assert right(at)
    leave(DispositionKind.withdrew_questionnaires, RANDOMISED + days(3), at)
    assert right(at)
    undo_disposition(StaffContext(installation, reader.nurse, at), study, subject, "somebody else")
    assert right(at)
    leave(DispositionKind.death, RANDOMISED + days(3), at)
    assert right(at)


def test_a_wake_moment_that_is_not_what_the_facts_say_is_named(
    installation: Installation, person: Person, people: Callable[[int], Person]
) -> None:
    people(2)
    with UnitOfWork(installation.engine, CLOCK, START) as work:
        slot = work.session.exec(select(Slot).where(Slot.id == person.slot("BL").id)).one()
        slot.wake_at = None
    assert list(find_stale_next_due(ClockContext(installation, START))) == [person.row().id]


def test_a_push_leaves_nothing_owed(installation: Installation, site: Site) -> None:
    installation = with_short_diary(installation)
    for number in range(1, 3):
        enrol_with_reminders(installation, site, number).randomise(RANDOMISED, shanghai(RANDOMISED, 10))
    enrol_person(installation, site, "0571-009")
    for hour in (0, 9, 10, 19, 23, 24 * 40, 24 * 1200):
        at = shanghai(RANDOMISED, 0) + timedelta(hours=hour)
        process_all_due(installation, at)
        assert not find_due_work(ClockContext(installation, at)).slots
