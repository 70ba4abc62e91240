"""A reminder leaves at most once, and only while it is owed."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

from app.domain.records.audit import AuditEvent
from app.domain.records.messages import MessageState
from app.domain.refusal import Refused
from app.notify.channel import MessageText, SendFailed, Unconfirmed
from app.services.core.context import ClockContext
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.reminders.reminder_delivery import (
    BACK_OFF,
    LEASE,
    PATIENCE,
    ClaimedMessage,
    claim_messages,
    deliver_message,
    expire_messages,
)
from app.storage.tables.audit import AuditEntry
from app.storage.tables.messages import Message
from app.storage.tables.studies import Site
from tests.scenarios.people import START, days, with_short_diary
from tests.scenarios.reminders import (
    EVENING,
    KEY,
    MailServer,
    count_entries,
    email_of,
    enrol_with_reminders,
    message_sender,
    messages,
    process_all_due,
    shanghai,
)
from tests.scenarios.trail_entries import verify_trail
from tests.statement_log import record_statements


def state(installation: Installation) -> str:
    (message,) = messages(installation)
    return message.state


@pytest.mark.req("PRI-01", "AUD-07")
def test_a_reminder_is_delivered_and_audited(installation: Installation, claimed: ClaimedMessage) -> None:
    mail_server = MailServer()
    assert (
        deliver_message(ClockContext(installation, EVENING), message_sender(mail_server), claimed)
        is MessageState.sent
    )
    (letter,), (message,) = mail_server.letters, messages(installation)
    assert (letter.to, letter.key, letter.language) == (email_of(1), message.key, "en")
    assert (message.state, message.settled_at, message.failure) == ("sent", EVENING, None)
    assert (
        count_entries(installation, AuditEvent.REMINDER_QUEUED)
        == count_entries(installation, AuditEvent.REMINDER_SENT)
        == 1
    )
    with installation.read() as session:
        changes = " ".join(session.exec(select(AuditEntry.changes)))
    assert email_of(1) not in changes
    assert verify_trail(installation) == []


@pytest.mark.req("PRI-04")
def test_the_letter_says_what_until_when_how_long_where_and_who_helps(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    mail_server = MailServer()
    deliver_message(ClockContext(installation, EVENING), message_sender(mail_server), claimed)
    (letter,) = mail_server.letters
    assert letter.subject == "Daybook study: a form is ready"
    assert letter.text == (
        "You can fill in your study diary now.\n"
        "It takes about 7 minutes.\n"
        "You can fill it in until the end of Friday, 6 March 2026.\n\n"
        "https://d.test/\n\n"
        "Questions? Call 0571-5550000 (8-17)."
    )


def test_a_questionnaire_is_announced_as_a_form(installation: Installation, site: Site) -> None:
    enrol_with_reminders(installation, site)
    at = shanghai(START.date() + days(14), 9)  # the middle of the baseline's window
    process_all_due(installation, at)
    mail_server = MailServer()
    (mine,) = claim_messages(ClockContext(installation, at))
    assert (
        deliver_message(ClockContext(installation, at), message_sender(mail_server), mine)
        is MessageState.sent
    )
    assert "Your study form is ready.\nIt takes about 10 minutes." in mail_server.letters[0].text


def test_two_workers_get_different_messages(installation: Installation, site: Site) -> None:
    for number in range(2, 6):
        enrol_with_reminders(with_short_diary(installation), site, number)
    process_all_due(installation, shanghai(START.date() + days(14), 9))
    at = shanghai(START.date() + days(14), 10)
    first, second = (
        claim_messages(ClockContext(installation, at), limit=3),
        claim_messages(ClockContext(installation, at)),
    )
    assert (len(first), len(second)) == (3, 1)
    assert not set(first) & set(second)
    assert claim_messages(ClockContext(installation, at)) == []


@pytest.mark.req("AVL-05")
@pytest.mark.usefixtures("due_reader")
def test_many_messages_are_claimed_in_one_statement(installation: Installation) -> None:
    with record_statements(installation.engine) as statements:
        assert len(claim_messages(ClockContext(installation, EVENING))) == 1
    assert len(statements) == 1
    assert statements[0].startswith("UPDATE message")


@pytest.mark.req("AVL-05")
def test_a_worker_killed_before_sending_leaves_the_message_to_another(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    assert claim_messages(ClockContext(installation, EVENING + LEASE - timedelta(seconds=1))) == []
    assert claim_messages(ClockContext(installation, EVENING + LEASE)) == [claimed]
    mail_server = MailServer()
    later = EVENING + LEASE
    assert (
        deliver_message(ClockContext(installation, later), message_sender(mail_server), claimed)
        is MessageState.sent
    )
    # The first worker was only slow and comes back: the message is no longer to be sent.
    assert deliver_message(ClockContext(installation, later), message_sender(mail_server), claimed) is None
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
        deliver_message(ClockContext(installation, EVENING), message_sender(Deadly()), claimed)
    assert state(installation) == "sending"
    assert expire_messages(ClockContext(installation, EVENING + PATIENCE - timedelta(seconds=1))) == 0
    assert expire_messages(ClockContext(installation, EVENING + PATIENCE)) == 1
    assert (state(installation), messages(installation)[0].failure) == ("unconfirmed", "worker_lost")
    assert claim_messages(ClockContext(installation, EVENING + days(9))) == []
    assert expire_messages(ClockContext(installation, EVENING + days(9))) == 0
    assert count_entries(installation, AuditEvent.REMINDER_UNCONFIRMED) == 1


def test_a_slow_worker_can_still_settle_its_reminder(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    class Slow(MailServer):
        def send(self, letter: MessageText) -> None:
            assert expire_messages(ClockContext(installation, letter.at + PATIENCE)) == 1

    assert (
        deliver_message(ClockContext(installation, EVENING), message_sender(Slow()), claimed)
        is MessageState.sent
    )
    assert state(installation) == "sent"


def test_a_slow_worker_that_knows_no_more_changes_nothing(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    class Silent(MailServer):
        def send(self, letter: MessageText) -> None:
            assert expire_messages(ClockContext(installation, letter.at + PATIENCE)) == 1
            raise Unconfirmed

    assert deliver_message(ClockContext(installation, EVENING), message_sender(Silent()), claimed) is None
    assert messages(installation)[0].failure == "worker_lost"


def test_silence_after_the_text_is_never_answered_by_sending_again(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    assert (
        deliver_message(
            ClockContext(installation, EVENING), message_sender(MailServer(fails=Unconfirmed())), claimed
        )
        is MessageState.unconfirmed
    )
    assert claim_messages(ClockContext(installation, EVENING + days(1))) == []


def test_what_failed_is_tried_three_times(installation: Installation, claimed: ClaimedMessage) -> None:
    broken, at = message_sender(MailServer(fails=SendFailed("unreachable"))), EVENING
    for wait in BACK_OFF:
        assert deliver_message(ClockContext(installation, at), broken, claimed) is MessageState.queued
        assert claim_messages(ClockContext(installation, at + wait - timedelta(seconds=1))) == []
        at += wait
        assert claim_messages(ClockContext(installation, at)) == [claimed]
    assert deliver_message(ClockContext(installation, at), broken, claimed) is MessageState.failed
    (message,) = messages(installation)
    assert (message.state, message.failure, message.attempts) == ("failed", "unreachable", 3)
    assert count_entries(installation, AuditEvent.REMINDER_FAILED) == 1
    assert claim_messages(ClockContext(installation, at + days(1))) == []


def test_a_lasting_failure_is_not_tried_again(installation: Installation, claimed: ClaimedMessage) -> None:
    refused = message_sender(MailServer(fails=SendFailed("recipient_refused", lasting=True)))
    assert deliver_message(ClockContext(installation, EVENING), refused, claimed) is MessageState.failed


def test_another_key_sends_nothing_and_loses_nothing(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    stranger = replace(installation, secret_box=SecretBox(KEY))
    with pytest.raises(Refused, match="wrong_key"):
        deliver_message(ClockContext(stranger, EVENING), message_sender(MailServer()), claimed)
    assert state(installation) == "queued"


def test_no_reminder_waits_after_all_were_delivered(
    installation: Installation, claimed: ClaimedMessage
) -> None:
    deliver_message(ClockContext(installation, EVENING), message_sender(MailServer()), claimed)
    waiting = sa.select(sa.func.count()).select_from(Message).where(sa.text("state IN ('queued', 'sending')"))
    with installation.read() as session:
        assert session.execute(waiting).scalar_one() == 0
