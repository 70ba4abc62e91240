"""People who want reminders, and what they and the feed got."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlmodel import col, select

from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.records.studies import StudyMode
from app.i18n.catalogues import Catalogues
from app.notify.channel import MessageText
from app.services.accounts.contacts import ContactChannel
from app.services.core.context import ClockContext, StaffContext
from app.services.core.hashing import HashCost
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.reminders.due_slots import SlotsProcessed, participants_due, process_due_slots
from app.services.reminders.reminder_delivery import MessageSender
from app.services.reminders.reminder_texts import ReminderTexts
from app.services.schedule.enrolment import enrol_participant
from app.services.setup.studies import load_study
from app.settings import ROOT
from app.storage.engine import open_engine
from app.storage.tables.audit import AuditEntry
from app.storage.tables.feed import FeedEvent
from app.storage.tables.messages import Message
from app.storage.tables.studies import Site
from tests.scenarios.people import START, Person, bind_browser, enrolment_entry, library

KEY = Fernet.generate_key()
WORDS = ReminderTexts.load(Catalogues.load(ROOT / "locales"))


@contextmanager
def open_installation(url: str, key: bytes = KEY) -> Iterator[Installation]:
    """An installation with the study loaded, on a migrated database given by its address."""
    engine = open_engine(url)
    running = Installation(engine, library(), SecretBox(key, HashCost(1, 8, 1)), "https://d.test", "0")
    load_study(StaffContext(running, SYSTEM, START), "sbrt-nsclc", "1.0", StudyMode.DEMO)
    yield running
    engine.dispose()


def shanghai(on: date, hour: int = 0, minute: int = 0) -> datetime:
    """An instant by the clock of Shanghai, which has had UTC+8 all year since 1992."""
    return datetime.fromisoformat(f"{on}T{hour:02}:{minute:02}:00+08:00").astimezone(UTC)


RANDOMISED = date(2026, 3, 4)
EVENING = shanghai(RANDOMISED, 19)
"""When the first diary reminder is owed."""


def enrol_with_reminders(
    installation: Installation, site: Site, number: int = 1, language: str = "en"
) -> Person:
    """Somebody enrolled on 2 March 2026 who wants reminders by e-mail."""
    person = Person(installation, site, f"0571-{number:03d}")
    entry = replace(
        enrolment_entry(person.subject),
        channel=ContactChannel.email,
        address=email_of(number),
        language=language,
    )
    enrol_participant(StaffContext(installation, person.nurse, START), site, entry)
    person.cookie = bind_browser(person, START)
    return person


def email_of(number: int) -> str:
    return f"person{number}@example.org"


def process_all_due(installation: Installation, at: datetime) -> SlotsProcessed:
    """One tick's worth of pushing."""
    done = [
        process_due_slots(ClockContext(installation, at), participant_id)
        for participant_id in participants_due(ClockContext(installation, at))
    ]
    return SlotsProcessed(
        *(sum(getattr(each, name) for each in done) for name in ("opened", "missed", "queued"))
    )


def feed_types(installation: Installation, visit: str) -> list[str]:
    """The types of event that the feed has of a visit, in order."""
    with installation.read() as session:
        rows = session.exec(select(FeedEvent).order_by(col(FeedEvent.seq))).all()
    return [row.type for row in rows if f'"visit":"{visit}"' in row.line]


def messages(installation: Installation) -> list[Message]:
    with installation.read() as session:
        return list(session.exec(select(Message).order_by(col(Message.id))))


def count_entries(installation: Installation, event: AuditEvent) -> int:
    """How often the trail names this event."""
    with installation.read() as session:
        return session.exec(
            select(sa.func.count(col(AuditEntry.id))).where(AuditEntry.event == event.value)
        ).one()


def reach_first_evening(installation: Installation, site: Site) -> Person:
    """Somebody whose first diary day has come to its evening, with one reminder queued."""
    person = enrol_with_reminders(installation, site)
    person.randomise(RANDOMISED, shanghai(RANDOMISED, 10))
    process_all_due(installation, EVENING)
    return person


@dataclass
class MailServer:
    """A channel that keeps its letters, or fails in the way that it is told to."""

    letters: list[MessageText] = field(default_factory=list)
    fails: BaseException | None = None

    def send(self, letter: MessageText) -> None:
        if self.fails is not None:
            raise self.fails
        self.letters.append(letter)


def message_sender(mail_server: MailServer) -> MessageSender:
    return MessageSender({"email": mail_server}, WORDS)
