"""A reminder that staff ask for: once a day, in the day's hours, while the form is open, judged twice."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.domain.plans.reminders import (
    ALWAYS,
    NEVER,
    STAFF_HOURS,
    FormReminders,
    ReminderPreference,
    check_staff_reminder,
)
from app.domain.plans.status import ANSWERABLE, Status
from app.domain.plans.windows import local_day
from app.domain.records.audit import AuditEvent
from app.domain.records.messages import MessageState
from app.domain.refusal import Refused
from app.services.core.context import ClockContext, StaffContext
from app.services.core.installation import Installation
from app.services.reminders.reminder_delivery import claim_messages, deliver_message
from app.services.reminders.staff_reminder import find_staff_reminder_refusal, queue_staff_reminder
from app.storage.tables.audit import AuditEntry
from app.storage.tables.messages import Message
from app.storage.tables.participants import Contact, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.scenarios.people import START, Person, enrol_person, with_short_diary
from tests.scenarios.reminders import (
    MailServer,
    count_entries,
    enrol_with_reminders,
    message_sender,
    messages,
    process_all_due,
    shanghai,
)
from tests.scenarios.trail_entries import verify_trail

TODAY = date(2026, 3, 2)
ZONE = ZoneInfo("Asia/Shanghai")
Change = Callable[[Participant], None]


def baseline(person: Person) -> Slot:
    with person.installation.read() as session:
        own = select(Slot).where(Slot.participant_id == person.row().id)
        return session.exec(own.where(Slot.visit == "BL", Slot.instrument == "qlq-c30")).one()


def ask(person: Person, at: datetime, slot: str = "") -> None:
    context = StaffContext(person.installation, person.nurse, at)
    queue_staff_reminder(context, person.row().id, slot or baseline(person).public_id)


def why_not(person: Person, at: datetime) -> str | None:
    context = StaffContext(person.installation, person.nurse, at)
    refusal = find_staff_reminder_refusal(context, person.row().id, baseline(person))
    return refusal.code if refusal else None


def refused(person: Person, at: datetime) -> str:
    """The code with which asking is refused; looking says the same, and nothing is queued."""
    before = len(messages(person.installation))
    with pytest.raises(Refused) as raised:
        ask(person, at)
    assert len(messages(person.installation)) == before
    assert why_not(person, at) == raised.value.code
    return raised.value.code


def deliver(installation: Installation, at: datetime) -> tuple[list[MessageState | None], MailServer]:
    server, context = MailServer(), ClockContext(installation, at)
    return [
        deliver_message(context, message_sender(server), each) for each in claim_messages(context)
    ], server


def change(person: Person, event: AuditEvent, alter: Change) -> None:
    with person.installation.open_work(person.nurse, START) as work:
        alter(work.session.get_one(Participant, person.row().id))
        work.record(event, f"participant:{person.row().id}")


def test_it_leaves_with_its_author_in_the_trail(installation: Installation, reader: Person) -> None:
    assert why_not(reader, START) is None
    ask(reader, START)
    with installation.read() as session:
        (entry,) = session.exec(
            select(AuditEntry).where(AuditEntry.event == AuditEvent.STAFF_REMINDER_QUEUED)
        ).all()
    assert (entry.actor_id, entry.at) == (reader.nurse.id, START)
    outcomes, server = deliver(installation, START)
    assert outcomes == [MessageState.sent]
    assert [letter.language for letter in server.letters] == ["en"]
    assert verify_trail(installation) == []


def test_once_a_day_for_a_person_whatever_the_form(installation: Installation, reader: Person) -> None:
    ask(reader, shanghai(TODAY, 9, 30))
    assert refused(reader, shanghai(TODAY, 20, 59)) == "reminded_today"
    ask(reader, shanghai(TODAY + timedelta(days=1), 8))
    assert count_entries(installation, AuditEvent.STAFF_REMINDER_QUEUED) == 2


def test_a_form_gets_at_most_twice_the_reminders_of_its_plan(
    installation: Installation, reader: Person
) -> None:
    for day in range(6):
        ask(reader, shanghai(TODAY + timedelta(days=day), 9, 30))
    assert refused(reader, shanghai(TODAY + timedelta(days=6), 9, 30)) == "reminder_limit"
    assert count_entries(installation, AuditEvent.STAFF_REMINDER_QUEUED) == 6


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [
        ((7, 59), "outside_hours"),
        ((8, 0), None),
        ((21, 0), None),
        ((21, 1), "outside_hours"),
    ],
)
def test_only_in_the_hours_of_the_day_where_the_person_lives(
    reader: Person, moment: tuple[int, int], outcome: str | None
) -> None:
    assert why_not(reader, shanghai(TODAY + timedelta(days=1), *moment)) == outcome


def test_one_that_cannot_leave_before_the_evening_ends_is_dropped(
    installation: Installation, reader: Person
) -> None:
    ask(reader, shanghai(TODAY, 21))
    assert deliver(installation, shanghai(TODAY, 21, 5))[0] == [MessageState.dropped]
    assert messages(installation)[0].failure == "outside_hours"


def test_neither_in_a_pause_nor_against_a_wish(reader: Person) -> None:
    def pause(row: Participant) -> None:
        row.reminders_paused_until = TODAY

    def stop(row: Participant) -> None:
        row.reminders_wanted = False

    change(reader, AuditEvent.REMINDERS_CHANGED, pause)
    assert refused(reader, START) == "reminders_paused"
    change(reader, AuditEvent.REMINDERS_CHANGED, stop)
    assert refused(reader, START) == "reminders_not_wanted"


def test_without_an_address_none_is_offered(installation: Installation, site: Site) -> None:
    person = enrol_person(installation, site, "0571-009")
    with installation.read() as session:
        assert session.get(Contact, person.row().id) is None
    assert refused(person, START) == "reminders_not_wanted"


def test_a_form_that_closed_meanwhile_is_not_reminded_of(reader: Person) -> None:
    assert refused(reader, START + timedelta(days=60)) == "form_not_open"


def test_another_one_s_form_is_none_of_theirs(reader: Person) -> None:
    with pytest.raises(Refused, match="unknown_slot"):
        ask(reader, START, slot="nothing")


def test_what_the_rules_send_later_that_day_is_dropped(installation: Installation, reader: Person) -> None:
    """The message of the morning leads to every form."""
    ask(reader, shanghai(TODAY, 9, 40))
    assert deliver(installation, shanghai(TODAY, 9, 40))[0] == [MessageState.sent]
    reader.randomise(TODAY, shanghai(TODAY, 10))
    process_all_due(installation, shanghai(TODAY, 19))
    outcomes, server = deliver(installation, shanghai(TODAY, 19))
    assert (set(outcomes), server.letters) == ({MessageState.dropped}, [])
    assert messages(installation)[-1].failure == "one_a_day"


def test_staff_can_remind_on_a_day_with_a_rule_reminder(installation: Installation, reader: Person) -> None:
    middle = TODAY + timedelta(days=14)
    process_all_due(installation, shanghai(middle, 9))
    assert deliver(installation, shanghai(middle, 9))[0] == [MessageState.sent]
    ask(reader, shanghai(middle, 11))
    assert deliver(installation, shanghai(middle, 11))[0] == [MessageState.sent]
    assert [message.kind for message in messages(installation)] == ["middle", f"staff:{middle}"]


def test_one_that_waited_for_the_mail_server_overnight_is_dropped(
    installation: Installation, reader: Person
) -> None:
    """It would be the second of staff on the next day."""
    ask(reader, shanghai(TODAY, 20, 59))
    morning = shanghai(TODAY + timedelta(days=1), 8, 5)
    assert deliver(installation, morning)[0] == [MessageState.dropped]
    assert messages(installation)[0].failure == "outside_hours"
    ask(reader, morning)
    assert deliver(installation, morning)[0] == [MessageState.sent]


def test_the_rules_send_none_beyond_the_limit_that_staff_have_used(
    installation: Installation, reader: Person
) -> None:
    for day in range(6):
        at = shanghai(TODAY + timedelta(days=day), 9, 30)
        ask(reader, at)
        assert deliver(installation, at)[0] == [MessageState.sent]
    middle = shanghai(TODAY + timedelta(days=14), 9)
    process_all_due(installation, middle)
    assert deliver(installation, middle)[0] == [MessageState.dropped]
    assert (messages(installation)[-1].kind, messages(installation)[-1].failure) == (
        "middle",
        "reminder_limit",
    )


def test_a_rule_reminder_counts_on_its_delivery_day(installation: Installation, reader: Person) -> None:
    """The mail server was away in the evening; the letter of yesterday leaves beside none of today's."""
    reader.randomise(TODAY, shanghai(TODAY, 10))
    process_all_due(installation, shanghai(TODAY, 19))
    (waiting,) = messages(installation)
    tomorrow = TODAY + timedelta(days=1)
    assert deliver(installation, shanghai(tomorrow, 8))[0] == [MessageState.sent]
    process_all_due(installation, shanghai(tomorrow, 19))
    assert deliver(installation, shanghai(tomorrow, 19))[0] == [MessageState.dropped]
    assert [each.failure for each in messages(installation)] == [None, "one_a_day"]
    assert waiting.kind == "entry"


def test_an_undeliverable_address_counts_as_none(installation: Installation, reader: Person) -> None:
    with installation.open_work(reader.nurse, START) as work:
        work.session.get_one(Contact, reader.row().id).channel = "letter"
        work.record(AuditEvent.PARTICIPANT_ENROLLED, f"participant:{reader.row().id}")
    assert refused(reader, START) == "reminders_not_wanted"


ACTS = st.lists(
    st.tuples(st.sampled_from(["ask", "tick", "deliver"]), st.integers(0, 30)), min_size=20, max_size=60
)
NUMBERS = itertools.count(100)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whatever_is_pressed_and_however_late_it_leaves_nobody_gets_too_many(
    installation: Installation, site: Site, acts: list[tuple[str, int]]
) -> None:
    """By staff one a day, by rule one a day; a form at most twice the number of its plan."""
    installation = with_short_diary(installation)
    person, at = enrol_with_reminders(installation, site, next(NUMBERS)), START
    key, form = person.row().id, baseline(person).public_id
    for act, hours in acts:
        at += timedelta(hours=hours)
        if act == "ask":
            with suppress(Refused):
                queue_staff_reminder(StaffContext(installation, person.nurse, at), key, form)
        elif act == "tick":
            process_all_due(installation, at)
        else:
            deliver(installation, at)
    with installation.read() as session:
        own = select(Message).where(Message.participant_id == key, Message.state == "sent")
        messages = [(row.kind, row.settled_at or at) for row in session.exec(own.order_by("settled_at"))]
    assert len(messages) <= 6
    days = [
        (local_day(departed_at, "Asia/Shanghai"), kind.startswith("staff:")) for kind, departed_at in messages
    ]
    assert len(set(days)) == len(days)
    assert all(
        STAFF_HOURS[0] <= departed_at.astimezone(ZONE).time()
        for kind, departed_at in messages
        if "staff" in kind
    )


@given(
    state=st.sampled_from(Status),
    hour=st.times(),
    messages=st.integers(0, 9),
    planned=st.integers(0, 3),
    today=st.booleans(),
    wish=st.sampled_from([ALWAYS, NEVER, datetime.fromisoformat("2026-03-09T00:00:00+08:00")]),
)
def test_without_a_reason_against_it_a_reminder_may_leave(
    state: Status, hour: time, messages: int, planned: int, today: bool, wish: datetime
) -> None:
    now = datetime.combine(TODAY, hour, ZONE)
    refusal = check_staff_reminder(
        state, ReminderPreference(wish), FormReminders(messages, planned), now, ZONE.key, reminded_today=today
    )
    may = (
        state in ANSWERABLE
        and wish == ALWAYS
        and not today
        and messages < 2 * planned
        and STAFF_HOURS[0] <= hour <= STAFF_HOURS[1]
    )
    assert (refusal is None) is may
