"""People who want reminders, and what they and the feed got."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlalchemy.engine import Engine
from sqlmodel import col, select

from app.domain.access import SYSTEM
from app.domain.audit import Event
from app.i18n.catalogues import Catalogues
from app.notify.channel import Letter
from app.services.enrolment import Channel, enrol
from app.services.installation import Installation
from app.services.reminder_words import Words
from app.services.reminding import Outbox
from app.services.sealing import HashCost, Sealer
from app.services.studies import load_study
from app.services.ticking import Pushed, owing, push
from app.settings import ROOT
from app.storage.engine import open_engine
from app.storage.exchange import FeedEvent, Message
from app.storage.study import Mode, Site
from app.storage.trail import AuditEntry
from tests.services.people import START, Person, bound, enrolment, library

KEY = Fernet.generate_key()
WORDS = Words.load(Catalogues.load(ROOT / "locales"))


@contextmanager
def installed(url: str, key: bytes = KEY) -> Iterator[Installation]:
    """An installation with the study loaded, on a migrated database given by its address."""
    engine = open_engine(url)
    made = Installation(engine, library(), Sealer(key, HashCost(1, 8, 1)), "https://d.test", "0")
    load_study(made, SYSTEM, "sbrt-nsclc", "1.0", Mode.DEMO, START)
    yield made
    engine.dispose()


def shanghai(on: date, hour: int = 0, minute: int = 0) -> datetime:
    """An instant by the clock of Shanghai, which has had UTC+8 all year since 1992."""
    return datetime.fromisoformat(f"{on}T{hour:02}:{minute:02}:00+08:00").astimezone(UTC)


def reminded(installation: Installation, site: Site, number: int = 1, language: str = "en") -> Person:
    """Somebody enrolled on 2 March 2026 who wants reminders by e-mail."""
    person = Person(installation, site, f"0571-{number:03d}")
    entry = replace(
        enrolment(person.subject), channel=Channel.email, address=address(number), language=language
    )
    enrol(installation, person.nurse, site, entry, START)
    person.cookie = bound(person, START)
    return person


def address(number: int) -> str:
    return f"person{number}@example.org"


def push_all(installation: Installation, at: datetime) -> Pushed:
    """One tick's worth of pushing."""
    done = [push(installation, participant_id, at) for participant_id in owing(installation, at)]
    return Pushed(*(sum(getattr(each, name) for each in done) for name in ("opened", "missed", "queued")))


def feed_types(installation: Installation, visit: str) -> list[str]:
    """The types of event that the feed has of a visit, in order."""
    with installation.read() as session:
        rows = session.exec(select(FeedEvent).order_by(col(FeedEvent.seq))).all()
    return [row.type for row in rows if f'"visit":"{visit}"' in row.line]


def messages(installation: Installation) -> list[Message]:
    with installation.read() as session:
        return list(session.exec(select(Message).order_by(col(Message.id))))


def recorded(installation: Installation, event: Event) -> int:
    """How often the trail names this event."""
    with installation.read() as session:
        return session.exec(
            select(sa.func.count(col(AuditEntry.id))).where(AuditEntry.event == event.value)
        ).one()


@dataclass
class Pigeon:
    """A channel that keeps its letters, or fails in the way that it is told to."""

    letters: list[Letter] = field(default_factory=list)
    fails: BaseException | None = None

    def send(self, letter: Letter) -> None:
        if self.fails is not None:
            raise self.fails
        self.letters.append(letter)


def outbox(pigeon: Pigeon) -> Outbox:
    return Outbox({"email": pigeon}, WORDS)


class Counted:
    """The statements that reach a database while the block runs."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.statements = engine, list[str]()

    def __enter__(self) -> list[str]:
        sa.event.listen(self.engine, "before_cursor_execute", self._note)
        return self.statements

    def __exit__(self, *_raised: object) -> None:
        sa.event.remove(self.engine, "before_cursor_execute", self._note)

    def _note(self, _connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            self.statements.append(statement)
