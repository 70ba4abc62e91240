"""A demonstration that was made, for the tests of what it shows."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from sqlmodel import SQLModel, select

from app.demo import demonstration
from app.demo.sites import HOME_STUDY, STUDY
from app.domain.alerts.handling import AlertState
from app.domain.capture.corrections import CorrectionOutcome
from app.domain.desk.matters import MatterKind
from app.domain.records.access import Actor, ActorKind, Grant
from app.domain.today.reasons import Reason
from app.i18n.catalogues import Catalogues
from app.notify.console import ConsoleChannel
from app.services.clinic.alerts.alert_list import list_alerts
from app.services.clinic.corrections.correction_list import get_correction, list_corrections
from app.services.clinic.matters.matter_list import MatterFilter, get_open_matters
from app.services.clinic.today.today_filter import TodayFilter
from app.services.clinic.today.work_list import get_today
from app.services.core.context import StaffContext
from app.services.core.hashing import HashCost
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.reminders.reminder_delivery import MessageSender
from app.services.reminders.reminder_texts import ReminderTexts
from app.settings import DEMO_KEY, ROOT
from app.storage.engine import open_engine
from app.storage.queries.slots import list_slots
from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import AccessReview, RoleGrant, Staff
from app.storage.tables.studies import Study
from tests.demonstrations import ProgramsDemonstration
from tests.scenarios.people import library

Row = TypeVar("Row", bound=SQLModel)
Trail = tuple[tuple[str, int, datetime, str], ...]
"""By chain and number: when each entry was made, and of what."""


@dataclass(frozen=True)
class DemonstrationRun:
    """A demonstration, the moment it was made, the letters of its past and its trail until now."""

    installation: Installation
    secrets: demonstration.DemoSecrets
    at: datetime
    letters: str
    trail: Trail

    @cached_property
    def list_sign_ins(self) -> demonstration.Demonstration:
        """How to sign in, as it is printed then."""
        return demonstration.list_sign_ins(self.installation, self.secrets, self.at)

    def rows(self, table: type[Row]) -> Sequence[Row]:
        with self.installation.read() as session:
            return session.exec(select(table)).all()

    def participant(self, subject: str) -> Participant:
        return next(each for each in self.rows(Participant) if each.subject == subject)

    def slots(self, subject: str) -> dict[str, Slot]:
        with self.installation.read() as session:
            return {slot.visit: slot for slot in list_slots(session, self.participant(subject).id)}

    def colleague(self, name: str, study: str = STUDY) -> tuple[StaffContext, int]:
        """A member of staff at work in one of the studies, and its key."""
        (key,) = (each.id for each in self.rows(Study) if each.code == study)
        (who,) = (each.id for each in self.rows(Staff) if each.email == f"{name}@daybook.example")
        grants = [each for each in self.rows(RoleGrant) if (each.staff_id, each.study_id) == (who, key)]
        scopes = tuple(Grant(each.role, key, each.site_id) for each in grants)
        actor = Actor(ActorKind.STAFF, f"staff:{who}", grants[0].role.value, scopes)
        return StaffContext(self.installation, actor, self.at), key


def list_today(run: DemonstrationRun, name: str, study: str = STUDY) -> set[str]:
    """For what there are participants on somebody's Today; what rests is `resting`."""
    counts = get_today(run.colleague(name, study)[0], TodayFilter()).counts
    resting = {"resting"} if counts.resting else set()
    return {reason.value for reason, number in counts.by_reason.items() if number} | resting


def list_matters(run: DemonstrationRun, name: str, study: str = STUDY) -> set[str]:
    """Of which kinds something is open on somebody's To settle."""
    return {kind.value for kind in get_open_matters(run.colleague(name, study)[0], MatterFilter()).counts}


def list_correction_states(run: DemonstrationRun, name: str) -> set[str]:
    """In which states there are corrections, as this colleague sees them."""
    context, study = run.colleague(name)
    states: set[str] = set()
    for waiting in (True, False):
        for each in list_corrections(context, study, waiting=waiting).rows:
            key = run.participant(each.subject).id
            overtaken = get_correction(context, key, each.correction).overtaken
            waits = "overtaken" if overtaken else "waiting" if each.signable else "unsignable"
            states.add(each.outcome.value if each.outcome else waits)
    return states


def list_alert_states(run: DemonstrationRun, name: str) -> set[str]:
    """In which states there are alerts, as this colleague sees them; and what became urgent of one."""
    context, study = run.colleague(name)
    alerts = [each for closed in (False, True) for each in list_alerts(context, study, closed=closed).alerts]
    escalated = {"escalated"} if any(each.escalated_at for each in alerts) else set()
    return {each.state.value for each in alerts} | escalated


_REASONS = {reason.value for reason in Reason}
SHOWN: Mapping[str, tuple[Callable[..., set[str]], tuple[str, ...], set[str]]] = {
    "Today in Hangzhou": (list_today, ("nurse.0571",), _REASONS | {"resting"}),
    "Today in Suzhou": (list_today, ("nurse.0512",), _REASONS),
    "Today in Shenzhen": (list_today, ("nurse.0755",), _REASONS),
    "Today of the second study": (list_today, ("nurse.0512", HOME_STUDY), {"closing", "opens"}),
    "To settle": (
        list_matters,
        ("data",),
        {kind.value for kind in MatterKind} - {MatterKind.paper.value},  # its paper is entered once
    ),
    "To settle in the second study": (list_matters, ("data", HOME_STUDY), {MatterKind.paper.value}),
    "corrections": (
        list_correction_states,
        ("data",),
        {"waiting", "overtaken", "unsignable", *CorrectionOutcome},
    ),
    "alerts": (list_alert_states, ("nurse.0571",), {"waiting", "acknowledged", "closed"}),
    "alerts of all sites": (list_alert_states, ("monitor",), {"escalated", *AlertState}),
}
"""What somebody sees on a page, at the least."""


def open_installation(url: str) -> Installation:
    secret_box = SecretBox(DEMO_KEY, HashCost(1, 8, 1))
    return Installation(open_engine(url), library(), secret_box, "http://demo.test", "0")


def open_program_run(done: ProgramsDemonstration) -> Iterator[DemonstrationRun]:
    """A copy of what the program made, and of the secrets that it keeps for its next start."""
    installation = open_installation(f"sqlite:///{done.copy}")
    secrets = demonstration.DemoSecrets(
        **json.loads((done.folder.path / "demo.sqlite3.json").read_text("utf-8"))
    )
    with installation.read() as session:
        (review,) = session.exec(select(AccessReview)).all()
    # The links that it prints are of a moment later.
    yield DemonstrationRun(installation, secrets, review.reviewed_at, "", _trail(installation))
    installation.engine.dispose()


def run_demonstration(url: str, at: datetime) -> Iterator[DemonstrationRun]:
    installation, letters = open_installation(url), io.StringIO()
    outbox = MessageSender(
        {"email": ConsoleChannel(letters)}, ReminderTexts.load(Catalogues.load(ROOT / "locales"))
    )
    assert not demonstration.demonstration_exists(installation)
    secrets = demonstration.make_demonstration(installation, outbox, at)
    yield DemonstrationRun(installation, secrets, at, letters.getvalue(), _trail(installation))
    installation.engine.dispose()


def _trail(installation: Installation) -> Trail:
    with installation.read() as session:
        rows = session.execute(
            select(AuditEntry.chain, AuditEntry.seq, AuditEntry.at, AuditEntry.event)
        ).all()
    return tuple(sorted((row.chain, row.seq, row.at, row.event) for row in rows))
