"""A reminder leaves at most once, and only while it is owed."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.domain.plans.plan import Owner
from app.domain.records.access import CLOCK, SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.messages import MessageState
from app.domain.refusal import Refused
from app.notify.channel import MessageText, SendFailed, Unconfirmed
from app.services.audit.audit_verification import verify_trail
from app.services.core.context import ClockContext, StaffContext
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.reminders.reminder_delivery import (
    BACK_OFF,
    LEASE,
    PATIENCE,
    ClaimedMessage,
    MessageSender,
    claim_messages,
    deliver_message,
    expire_messages,
)
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.setup.studies import open_site
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.messages import Message
from app.storage.tables.participants import Contact, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.services.people import START, Person, days, site_entry
from tests.services.reminded import (
    KEY,
    WORDS,
    Counted,
    MailServer,
    address,
    installed,
    messages,
    outbox,
    push_all,
    recorded,
    reminded,
    shanghai,
)

RANDOMISED = date(2026, 3, 4)
EVENING = shanghai(RANDOMISED, 19)
"""When the first diary reminder is owed."""


@pytest.fixture
def reader(installation: Installation, site: Site) -> Person:
    """Somebody whose first diary day has come to its evening, with one reminder queued."""
    person = reminded(installation, site)
    person.randomise(RANDOMISED, shanghai(RANDOMISED, 10))
    push_all(installation, EVENING)
    return person


@pytest.fixture
def claimed(installation: Installation, reader: Person) -> ClaimedMessage:
    """That reminder, claimed."""
    (mine,) = claim_messages(ClockContext(installation, EVENING))
    assert mine.participant_id == reader.row().id
    return mine


def state(installation: Installation) -> str:
    (message,) = messages(installation)
    return message.state


@pytest.mark.req("PRI-01", "AUD-07")
def test_a_reminder_is_sent_and_recorded(installation: Installation, claimed: ClaimedMessage) -> None:
    mail_server = MailServer()
    assert (
        deliver_message(ClockContext(installation, EVENING), outbox(mail_server), claimed)
        is MessageState.sent
    )
    (letter,), (message,) = mail_server.letters, messages(installation)
    assert (letter.to, letter.key, letter.language) == (address(1), message.key, "en")
    assert (message.state, message.settled_at, message.failure) == ("sent", EVENING, None)
    assert (
        recorded(installation, AuditEvent.REMINDER_QUEUED)
        == recorded(installation, AuditEvent.REMINDER_SENT)
        == 1
    )
    with installation.read() as session:
        told = " ".join(session.exec(select(AuditEntry.changes)))
    assert address(1) not in told
    assert verify_trail(installation) == []


@pytest.mark.req("PRI-04")
def test_the_letter_says_what_until_when_how_long_where_and_who_helps(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    mail_server = MailServer()
    deliver_message(ClockContext(installation, EVENING), outbox(mail_server), claimed)
    (letter,) = mail_server.letters
    assert letter.subject == "Daybook study: a form is ready"
    assert letter.text == (
        "Your study diary can be filled in now.\n"
        "It takes about 7 minutes.\n"
        "It is open until the end of Friday, 6 March 2026.\n\n"
        "https://d.test/\n\n"
        "Questions? Call 0571-5550000 (8-17)."
    )


def test_a_questionnaire_is_announced_as_a_form(installation: Installation, site: Site) -> None:
    reminded(installation, site)
    at = shanghai(START.date() + days(14), 9)  # the middle of the baseline's window
    push_all(installation, at)
    mail_server = MailServer()
    (mine,) = claim_messages(ClockContext(installation, at))
    assert deliver_message(ClockContext(installation, at), outbox(mail_server), mine) is MessageState.sent
    assert "Your study form is ready.\nIt takes about 10 minutes." in mail_server.letters[0].text


def test_two_workers_get_different_messages(
    installation: Installation, site: Site, people: Callable[[int], Person]
) -> None:
    for number in range(2, 6):
        reminded(installation, site, number)
    push_all(installation, shanghai(START.date() + days(14), 9))
    at = shanghai(START.date() + days(14), 10)
    first, second = (
        claim_messages(ClockContext(installation, at), limit=3),
        claim_messages(ClockContext(installation, at)),
    )
    assert (len(first), len(second)) == (3, 1)
    assert not set(first) & set(second)
    assert claim_messages(ClockContext(installation, at)) == []
    assert people(9).subject == "0571-009"


@pytest.mark.req("AVL-05")
def test_many_messages_are_claimed_in_one_statement(installation: Installation, reader: Person) -> None:
    with Counted(installation.engine) as statements:
        assert len(claim_messages(ClockContext(installation, EVENING))) == 1
    assert len(statements) == 1
    assert statements[0].startswith("UPDATE message")
    assert reader.subject == "0571-001"


@pytest.mark.req("AVL-05")
def test_a_worker_killed_before_sending_leaves_the_message_to_another(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    assert claim_messages(ClockContext(installation, EVENING + LEASE - timedelta(seconds=1))) == []
    assert claim_messages(ClockContext(installation, EVENING + LEASE)) == [claimed]
    mail_server = MailServer()
    later = EVENING + LEASE
    assert (
        deliver_message(ClockContext(installation, later), outbox(mail_server), claimed) is MessageState.sent
    )
    # The first worker was only slow and comes back: the message is no longer to be sent.
    assert deliver_message(ClockContext(installation, later), outbox(mail_server), claimed) is None
    assert len(mail_server.letters) == 1


class Killed(BaseException):
    """The worker's death, as its channel sees it."""


class Deadly(MailServer):
    """The letter leaves, and the worker dies before it can say so."""

    def send(self, letter: MessageText) -> None:
        self.letters.append(letter)
        raise Killed


@pytest.mark.req("AVL-05", "AUD-07")
def test_a_worker_killed_while_sending_leaves_it_unconfirmed_for_ever(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    with pytest.raises(Killed):
        deliver_message(ClockContext(installation, EVENING), outbox(Deadly()), claimed)
    assert state(installation) == "sending"
    assert expire_messages(ClockContext(installation, EVENING + PATIENCE - timedelta(seconds=1))) == 0
    assert expire_messages(ClockContext(installation, EVENING + PATIENCE)) == 1
    assert (state(installation), messages(installation)[0].failure) == ("unconfirmed", "worker_lost")
    assert claim_messages(ClockContext(installation, EVENING + days(9))) == []
    assert expire_messages(ClockContext(installation, EVENING + days(9))) == 0
    assert recorded(installation, AuditEvent.REMINDER_UNCONFIRMED) == 1


def test_a_slow_worker_may_still_say_that_it_was_sent(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    class Slow(MailServer):
        def send(self, letter: MessageText) -> None:
            assert expire_messages(ClockContext(installation, letter.at + PATIENCE)) == 1

    assert deliver_message(ClockContext(installation, EVENING), outbox(Slow()), claimed) is MessageState.sent
    assert state(installation) == "sent"


def test_a_slow_worker_that_knows_no_more_changes_nothing(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    class Silent(MailServer):
        def send(self, letter: MessageText) -> None:
            assert expire_messages(ClockContext(installation, letter.at + PATIENCE)) == 1
            raise Unconfirmed

    assert deliver_message(ClockContext(installation, EVENING), outbox(Silent()), claimed) is None
    assert messages(installation)[0].failure == "worker_lost"


def test_silence_after_the_text_is_never_answered_by_sending_again(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    assert (
        deliver_message(ClockContext(installation, EVENING), outbox(MailServer(fails=Unconfirmed())), claimed)
        is MessageState.unconfirmed
    )
    assert claim_messages(ClockContext(installation, EVENING + days(1))) == []


def test_what_failed_is_tried_three_times(installation: Installation, claimed: ClaimedMessage) -> None:
    broken, at = outbox(MailServer(fails=SendFailed("unreachable"))), EVENING
    for wait in BACK_OFF:
        assert deliver_message(ClockContext(installation, at), broken, claimed) is MessageState.queued
        assert claim_messages(ClockContext(installation, at + wait - timedelta(seconds=1))) == []
        at += wait
        assert claim_messages(ClockContext(installation, at)) == [claimed]
    assert deliver_message(ClockContext(installation, at), broken, claimed) is MessageState.failed
    (message,) = messages(installation)
    assert (message.state, message.failure, message.attempts) == ("failed", "unreachable", 3)
    assert recorded(installation, AuditEvent.REMINDER_FAILED) == 1
    assert claim_messages(ClockContext(installation, at + days(1))) == []


def test_a_lasting_failure_is_not_tried_again(installation: Installation, claimed: ClaimedMessage) -> None:
    refused = outbox(MailServer(fails=SendFailed("recipient_refused", lasting=True)))
    assert deliver_message(ClockContext(installation, EVENING), refused, claimed) is MessageState.failed


def submit(person: Person, at: datetime) -> None:
    entry = person.slot("D0")
    with person.installation.work(CLOCK, at) as work:
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
    with person.installation.work(CLOCK, at) as work:
        work.session.get_one(Participant, person.row().id).reminders_wanted = False
        work.record(AuditEvent.PARTICIPANT_UPDATED, participant_chain(person.row().id or 0))


def forget(person: Person, at: datetime) -> None:
    with person.installation.work(CLOCK, at) as work:
        work.session.delete(work.session.get_one(Contact, person.row().id))
        work.record(AuditEvent.PARTICIPANT_ENROLLED, participant_chain(person.row().id or 0))


def excuse(person: Person, at: datetime) -> None:
    entry = person.slot("D0")
    with person.installation.work(CLOCK, at) as work:
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
    reader: Person,
    claimed: ClaimedMessage,
    act: Callable[[Person, datetime], None],
    reason: str,
) -> None:
    act(reader, EVENING)
    mail_server = MailServer()
    assert (
        deliver_message(ClockContext(installation, EVENING), outbox(mail_server), claimed)
        is MessageState.dropped
    )
    (message,) = messages(installation)
    assert (mail_server.letters, message.state, message.failure) == ([], "dropped", reason)
    assert recorded(installation, AuditEvent.REMINDER_DROPPED) == 1


def test_without_an_address_it_is_dropped(migrated_sqlite_url: str) -> None:
    # On PostgreSQL the program's role may delete nothing: a contact goes there by the owner's hand alone.
    with installed(migrated_sqlite_url) as installation:
        site = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
        person = reminded(installation, site)
        person.randomise(RANDOMISED, shanghai(RANDOMISED, 10))
        push_all(installation, EVENING)
        forget(person, EVENING)
        (mine,) = claim_messages(ClockContext(installation, EVENING))
        assert (
            deliver_message(ClockContext(installation, EVENING), outbox(MailServer()), mine)
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
def test_what_could_not_be_sent_for_long_is_dropped(
    installation: Installation, claimed: ClaimedMessage, late: timedelta, reason: str
) -> None:
    assert (
        deliver_message(ClockContext(installation, EVENING + late), outbox(MailServer()), claimed)
        is MessageState.dropped
    )
    assert messages(installation)[0].failure == reason


def test_another_key_sends_nothing_and_loses_nothing(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    stranger = replace(installation, secret_box=SecretBox(KEY))
    with pytest.raises(Refused, match="wrong_key"):
        deliver_message(ClockContext(stranger, EVENING), outbox(MailServer()), claimed)
    assert state(installation) == "queued"


def test_nothing_waits_after_everything_was_sent(installation: Installation, claimed: ClaimedMessage) -> None:
    deliver_message(ClockContext(installation, EVENING), outbox(MailServer()), claimed)
    waiting = sa.select(sa.func.count()).select_from(Message).where(sa.text("state IN ('queued', 'sending')"))
    with installation.read() as session:
        assert session.execute(waiting).scalar_one() == 0


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
def test_nothing_is_sent_after_the_stop(
    installation: Installation, site: Site, stop: str, stops_after: int, ticks: list[int], claims_before: bool
) -> None:
    """Whenever the clock comes, and whatever was queued or claimed by then."""
    number, mail_server = next(NUMBER), MailServer()
    reader = reminded(installation, site, number)
    reader.randomise(RANDOMISED, shanghai(RANDOMISED, 10))
    stopped_at = shanghai(RANDOMISED, 10) + timedelta(hours=stops_after)
    held: list[ClaimedMessage] = []
    for hours in range(0, stops_after, 6):
        push_all(installation, shanghai(RANDOMISED, 10) + timedelta(hours=hours))
    if claims_before:
        held = claim_messages(ClockContext(installation, stopped_at))
    STOPS[stop](reader, stopped_at)
    for hours in ticks:
        at = stopped_at + timedelta(hours=hours)
        push_all(installation, at)
        for each in [*held, *claim_messages(ClockContext(installation, at))]:
            deliver_message(ClockContext(installation, at), outbox(mail_server), each)
    mine = [letter for letter in mail_server.letters if letter.to == address(number)]
    if stop == "submission":  # of the first diary day; the days after it are still asked for
        mine = [letter for letter in mine if letter.key in keys_of(installation, reader.slot("D0"))]
    assert mine == []


def keys_of(installation: Installation, slot: Slot) -> set[str]:
    return {message.key for message in messages(installation) if message.slot_id == slot.id}
