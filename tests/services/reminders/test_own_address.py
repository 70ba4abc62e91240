"""A participant enters an e-mail address of their own: it holds once the code that was mailed is entered."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import col, select

from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.notify.channel import MessageText, SendFailed, Unconfirmed
from app.services.accounts.contacts import read_contact
from app.services.core.context import ClockContext, ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.reminders.own_address import CODE_LIFE, get_own_address, mail_address_code, verify_address
from app.services.reminders.reminder_delivery import MessageSender
from app.services.reminders.staff_settings import change_contact, get_participant_reach
from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import AddressClaim, Contact
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.people import START, Person
from tests.scenarios.reminders import WORDS, MailServer, count_entries, enrol_with_reminders, message_sender
from tests.scenarios.stale_next_due import find_stale_next_due
from tests.scenarios.trail_entries import verify_trail

NEW, OTHER = "li@example.org", "lina@example.org"


def outcome(act: Callable[[], None]) -> str:
    """The code of the refusal, "" where the act was done."""
    try:
        act()
    except Refused as refusal:
        return refusal.code
    return ""


class Phone:
    """A participant's phone, and the mail server that it has codes sent by."""

    def __init__(self, person: Person, at: datetime = START) -> None:
        self.person, self.server, self.at = person, MailServer(), at

    @property
    def context(self) -> ParticipantContext:
        participant = self.person.participant(self.at)
        return ParticipantContext(self.person.installation, participant, self.at)

    def enter(self, address: str) -> str:
        return outcome(lambda: mail_address_code(self.context, message_sender(self.server), address))

    def answer(self, code: str) -> str:
        return outcome(lambda: verify_address(self.context, code))

    @property
    def code(self) -> str:
        """The code in the newest letter, as it is written there."""
        match = re.search(r"\d{3} \d{3}", self.server.letters[-1].text)
        assert match
        return match.group()

    @property
    def waiting(self) -> str:
        return get_own_address(self.context, message_sender(self.server)).waiting

    def contact(self) -> tuple[str, str] | None:
        with self.person.installation.read() as session:
            row = session.get(Contact, self.person.row().id)
        return (read_contact(self.person.installation, row).address, str(row.entered_by)) if row else None


def wrong(code: str) -> str:
    return f"{(int(code.replace(' ', '')) + 1) % 10**6:06}"


@pytest.mark.req("PRI-01", "AUD-01", "PRI-03")
def test_an_address_holds_once_its_code_is_entered(installation: Installation, site: Site) -> None:
    phone = Phone(enrol_with_reminders(installation, site))
    assert (phone.contact(), phone.waiting) == (("person1@example.org", "staff"), "")
    assert [phone.enter(" "), phone.enter("li@here"), phone.enter(f"{'x' * 200}@example.org")] == [
        "address_needed",
        "bad_address",
        "bad_address",
    ]
    assert (phone.enter("person1@example.org"), phone.answer("000000")) == ("same_contact", "code_expired")
    assert phone.enter("ｌｉ＠example.org ") == ""
    assert (phone.server.letters[0].to, phone.waiting) == (NEW, "l***@example.org")
    assert NEW not in phone.server.letters[0].text
    first = phone.code
    assert (phone.answer(wrong(first)), phone.contact()) == (
        "wrong_code",
        ("person1@example.org", "staff"),
    )
    assert phone.enter(NEW) == ""
    assert phone.code == first or phone.answer(first) == "wrong_code"  # the newest alone
    used = phone.code
    full_width = used.translate({48 + digit: 0xFF10 + digit for digit in range(10)})
    for _ in range(2):  # pressed twice
        assert phone.answer(f" {full_width}") == ""
        assert (phone.contact(), phone.waiting) == ((NEW, "participant"), "")
    assert count_entries(installation, AuditEvent.ADDRESS_VERIFIED) == 1
    assert count_entries(installation, AuditEvent.ADDRESS_CODE_ISSUED) == 2
    nurse = StaffContext(installation, phone.person.nurse, START + timedelta(minutes=1))
    who = phone.person.row().id
    reach = get_participant_reach(nurse, who)
    assert reach.contact is not None
    assert (reach.contact.entered_by, reach.entered_on) == ("participant", date(2026, 3, 2))
    change_contact(nurse, message_sender(phone.server), who, "email", OTHER, "asked for it")
    assert (phone.answer(used), phone.contact()) == ("code_expired", (OTHER, "staff"))
    with installation.read() as session:
        entries = session.exec(select(AuditEntry).where(col(AuditEntry.event).contains("contact"))).all()
        claim = session.get_one(AddressClaim, who)
    assert not any(NEW in f"{entry.changes}{entry.facts}" for entry in entries)
    assert claim.address_sealed == ""
    assert list(verify_trail(installation)) == []
    assert list(find_stale_next_due(ClockContext(installation, START))) == []


def test_somebody_without_an_address_is_reminded_from_then_on(lone: Person) -> None:
    phone, person = Phone(lone), lone
    assert (phone.contact(), person.row().reminders_wanted) == (None, False)
    phone.server.fails = SendFailed("refused")
    assert (phone.enter(NEW), phone.waiting) == ("address_not_reached", "")
    assert count_entries(person.installation, AuditEvent.ADDRESS_CODE_UNSENT) == 1
    phone.server.fails = Unconfirmed()
    assert (phone.enter(NEW), phone.waiting) == ("", "l***@example.org")
    phone.server.fails = None
    assert phone.enter(NEW) == ""
    code = phone.code
    phone.at = START + CODE_LIFE
    assert (phone.waiting, phone.answer(code)) == ("", "code_expired")
    assert (phone.enter(NEW), phone.answer(phone.code)) == ("", "")
    assert (phone.contact(), person.row().reminders_wanted) == ((NEW, "participant"), True)


@pytest.mark.req("PRI-03", "IAM-12")
def test_letters_and_codes_are_few_and_only_for_whoever_agreed(
    lone_installation: Installation, lone: Person
) -> None:
    phone = Phone(lone)
    nowhere = MessageSender({}, WORDS)
    assert refused(lambda: mail_address_code(phone.context, nowhere, NEW)) == "unknown_channel"
    assert not get_own_address(phone.context, nowhere).may_enter
    assert [phone.enter(NEW) for _ in range(6)] == [""] * 5 + ["throttled"]
    tries = [phone.answer(wrong(phone.code)) for _ in range(6)]
    assert tries == ["wrong_code"] * 5 + ["throttled"]
    assert phone.answer(phone.code) == "throttled"
    assert count_entries(lone_installation, AuditEvent.ADDRESS_CODE_REFUSED) == 5


class OvertakenServer(MailServer):
    """Refuses its first letter, after the participant had another one mailed on the same phone."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self.phone, self.is_first = phone, True

    def send(self, letter: MessageText) -> None:
        if self.is_first:
            self.is_first = False
            assert self.phone.enter(OTHER) == ""
            raise SendFailed("refused")
        super().send(letter)


def test_a_letter_that_fails_late_leaves_the_code_that_was_mailed_since(lone: Person) -> None:
    phone = Phone(lone)
    phone.server = OvertakenServer(phone)
    assert phone.enter(NEW) == "address_not_reached"
    assert count_entries(lone.installation, AuditEvent.ADDRESS_CODE_UNSENT) == 1
    assert (phone.answer(phone.code), phone.contact()) == ("", (OTHER, "participant"))
    assert list(verify_trail(lone.installation)) == []
