"""A reminder that is owed no more is dropped, whatever was queued or claimed when somebody sent or left."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.plans.plan import Owner
from app.domain.records.access import CLOCK, SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.messages import MessageState
from app.services.core.context import ClockContext, StaffContext
from app.services.core.installation import Installation
from app.services.reminders.reminder_delivery import (
    ClaimedMessage,
    MessageSender,
    claim_messages,
    deliver_message,
)
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.setup.studies import open_site
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Contact, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.scenarios.people import START, Person, days, site_entry, with_short_diary
from tests.scenarios.reminders import (
    EVENING,
    RANDOMISED,
    WORDS,
    MailServer,
    count_entries,
    email_of,
    enrol_with_reminders,
    message_sender,
    messages,
    open_installation,
    process_all_due,
    reach_first_evening,
    shanghai,
)


def submit(person: Person, at: datetime) -> None:
    entry = person.slot("D0")
    with person.installation.open_work(CLOCK, at) as work:
        row = work.session.get_one(Slot, entry.id)
        row.begun_at = row.submitted_at = at
        row.published_state, row.published_window = "submitted", row.window_version
        work.record(AuditEvent.FORM_SUBMITTED, participant_chain(row.participant_id))
        work.mark_published(participant_chain(row.participant_id))


def leave(kind: DispositionKind) -> Callable[[Person, datetime], None]:
    def act(person: Person, at: datetime) -> None:
        entry = DispositionEntry(kind, RANDOMISED.isoformat(), Owner.site)
        record_disposition(
            StaffContext(person.installation, person.nurse, at), person.site.study_id, person.subject, entry
        )

    return act


def move(person: Person, at: datetime) -> None:
    person.randomise(RANDOMISED - days(1), at)


def want_no_more(person: Person, at: datetime) -> None:
    with person.installation.open_work(CLOCK, at) as work:
        work.session.get_one(Participant, person.row().id).reminders_wanted = False
        work.record(AuditEvent.PARTICIPANT_UPDATED, participant_chain(person.row().id))


def forget(person: Person, at: datetime) -> None:
    with person.installation.open_work(CLOCK, at) as work:
        work.session.delete(work.session.get_one(Contact, person.row().id))
        work.record(AuditEvent.PARTICIPANT_ENROLLED, participant_chain(person.row().id))


def excuse(person: Person, at: datetime) -> None:
    entry = person.slot("D0")
    with person.installation.open_work(CLOCK, at) as work:
        work.session.get_one(Slot, entry.id).excused = "no_translation"
        work.record(AuditEvent.SLOT_EXCUSED, participant_chain(entry.participant_id))
        work.mark_published(participant_chain(entry.participant_id))


@pytest.mark.req("COR-10", "PRI-03", "AUD-07")
@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (submit, "submitted"),
        (leave(DispositionKind.death), "participation_ended"),
        (leave(DispositionKind.withdrew_questionnaires), "participation_ended"),
        (leave(DispositionKind.withdrew_study), "participation_ended"),
        (move, "window_moved"),
        (want_no_more, "not_wanted"),
        (excuse, "excused"),
    ],
)
def test_what_is_owed_no_more_is_dropped(
    installation: Installation,
    due_reader: Person,
    claimed: ClaimedMessage,
    act: Callable[[Person, datetime], None],
    reason: str,
) -> None:
    act(due_reader, EVENING)
    mail_server = MailServer()
    assert (
        deliver_message(ClockContext(installation, EVENING), message_sender(mail_server), claimed)
        is MessageState.dropped
    )
    (message,) = messages(installation)
    assert (mail_server.letters, message.state, message.failure) == ([], "dropped", reason)
    assert count_entries(installation, AuditEvent.REMINDER_DROPPED) == 1


def test_without_an_address_it_is_dropped(migrated_sqlite_url: str) -> None:
    # On PostgreSQL the program's role may delete nothing: a contact goes there by the owner's hand alone.
    with open_installation(migrated_sqlite_url) as installation:
        site = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
        forget(reach_first_evening(installation, site), EVENING)
        (mine,) = claim_messages(ClockContext(installation, EVENING))
        assert (
            deliver_message(ClockContext(installation, EVENING), message_sender(MailServer()), mine)
            is MessageState.dropped
        )
        assert messages(installation)[0].failure == "no_contact"


def test_a_kind_of_address_that_nobody_serves_is_said(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    assert (
        deliver_message(ClockContext(installation, EVENING), MessageSender({}, WORDS), claimed)
        is MessageState.dropped
    )
    assert messages(installation)[0].failure == "no_channel"


@pytest.mark.parametrize(("late", "reason"), [(days(1), "stale"), (days(3), "missed")])
def test_a_reminder_undeliverable_for_long_is_dropped(
    installation: Installation, claimed: ClaimedMessage, late: timedelta, reason: str
) -> None:
    assert (
        deliver_message(ClockContext(installation, EVENING + late), message_sender(MailServer()), claimed)
        is MessageState.dropped
    )
    assert messages(installation)[0].failure == reason


STOPS = {
    "submission": submit,
    "death": leave(DispositionKind.death),
    "withdrawal from questionnaires": leave(DispositionKind.withdrew_questionnaires),
    "withdrawal from the study": leave(DispositionKind.withdrew_study),
}
NUMBER = itertools.count(100)


@pytest.mark.req("COR-10", "PRI-03")
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stop=st.sampled_from(sorted(STOPS)),
    stops_after=st.integers(0, 30),
    ticks=st.lists(st.integers(0, 96), min_size=1, max_size=6).map(sorted),
    claims_before=st.booleans(),
)
def test_no_reminder_is_delivered_after_the_stop(
    installation: Installation, site: Site, stop: str, stops_after: int, ticks: list[int], claims_before: bool
) -> None:
    """Whenever the clock comes, and whatever was queued or claimed by then."""
    number, mail_server = next(NUMBER), MailServer()
    installation = with_short_diary(installation)
    reader = enrol_with_reminders(installation, site, number)
    reader.randomise(RANDOMISED, shanghai(RANDOMISED, 10))
    stopped_at = shanghai(RANDOMISED, 10) + timedelta(hours=stops_after)
    claimed: list[ClaimedMessage] = []
    for hours in range(0, stops_after, 6):
        process_all_due(installation, shanghai(RANDOMISED, 10) + timedelta(hours=hours))
    if claims_before:
        claimed = claim_messages(ClockContext(installation, stopped_at))
    STOPS[stop](reader, stopped_at)
    for hours in ticks:
        at = stopped_at + timedelta(hours=hours)
        process_all_due(installation, at)
        for each in [*claimed, *claim_messages(ClockContext(installation, at))]:
            deliver_message(ClockContext(installation, at), message_sender(mail_server), each)
    mine = [letter for letter in mail_server.letters if letter.to == email_of(number)]
    if stop == "submission":  # of the first diary day; the days after it are still asked for
        mine = [letter for letter in mine if letter.key in keys_of(installation, reader.slot("D0"))]
    assert mine == []


def keys_of(installation: Installation, slot: Slot) -> set[str]:
    return {message.key for message in messages(installation) if message.slot_id == slot.id}
