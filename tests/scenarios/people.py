"""People of a test study, whose every step goes through the real use cases."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import col, select

from app.definitions.library import Library, load_library
from app.domain.capture.answers import SubmittedAnswer
from app.domain.plans.plan import DiaryPhase, Owner
from app.domain.plans.windows import Unit
from app.domain.records.access import Actor, ActorKind, Grant, Role
from app.i18n.languages import LANGUAGE_CODES
from app.services.accounts.activation import activate_device
from app.services.accounts.participant_session import authenticate_device
from app.services.capture.answer_saving import AnswerBatch, save_answers
from app.services.capture.forms import begin_form
from app.services.capture.submission import SubmissionReceipt, submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import DeviceContext, ParticipantContext, ParticipantSession, StaffContext
from app.services.core.installation import Installation
from app.services.schedule.anchors import AnchorEntry, record_anchor
from app.services.schedule.enrolment import EnrolmentEntry, IdentityCheck, enrol_participant, issue_invitation
from app.services.setup.studies import SiteEntry
from app.storage.queries.participants import get_participant
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site

QUESTIONNAIRES = Path(__file__).parents[2] / "questionnaires"
START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)  # 09:30 in Shanghai
PIN = "135790"


@lru_cache(maxsize=1)
def library() -> Library:
    return load_library(QUESTIONNAIRES, LANGUAGE_CODES)


def site_entry(code: str) -> SiteEntry:
    return SiteEntry(code, f"Hospital {code}", f"{code}-5550000", "8-17", "Asia/Shanghai")


def staff_member(role: Role, site: Site, everywhere: bool = False) -> Actor:
    """A member of staff with one role at this site (or at all of the study)."""
    grant = Grant(role, site.study_id, None if everywhere else site.id)
    return Actor(ActorKind.STAFF, f"{role.value}@{site.code}", role.value, (grant,))


_SLOT = (
    select(Slot)
    .join(Participant, col(Participant.id) == col(Slot.participant_id))
    .where(
        Participant.study_id == sa.bindparam("study"),
        Participant.subject == sa.bindparam("subject"),
        Slot.visit == sa.bindparam("visit"),
    )
)


@dataclass
class Person:
    """A participant and the browser they use; every step goes through the real use cases."""

    installation: Installation
    site: Site
    subject: str
    cookie: str = ""

    @property
    def nurse(self) -> Actor:
        return staff_member(Role.NURSE, self.site)

    def device(self, at: datetime) -> DeviceContext:
        return DeviceContext.of_cookie(self.installation, self.cookie, at)

    def participant(self, at: datetime) -> ParticipantSession:
        return authenticate_device(self.device(at))

    def slot(self, visit: str) -> Slot:
        own = {"study": self.site.study_id, "subject": self.subject, "visit": visit}
        with self.installation.read() as session:
            return session.exec(_SLOT, params=own).one()

    def row(self) -> Participant:
        with self.installation.read() as session:
            return get_participant(session, self.site.study_id, self.subject)

    def anchor(
        self, kind: str, on: date, at: datetime, confirmed: bool = True, source: Owner = Owner.site
    ) -> None:
        entry = AnchorEntry(kind, on, source, reason="stated by the site")
        record_anchor(
            StaffContext(self.installation, self.nurse, at),
            self.site.study_id,
            self.subject,
            entry,
            confirmed,
        )

    def randomise(self, on: date, at: datetime) -> None:
        self.anchor("randomisation", on, at, source=Owner.edc)

    def begin(self, visit: str, at: datetime) -> str:
        slot = self.slot(visit).public_id
        begin_form(ParticipantContext(self.installation, self.participant(at), at), slot, None, None)
        return slot

    def save(self, visit: str, at: datetime, *answers: SubmittedAnswer, client: str = "c1") -> int:
        return save_answers(self.device(at), self.slot(visit).public_id, AnswerBatch(client, answers))

    def submit(
        self, visit: str, at: datetime, answers: dict[str, int | str | None] | None = None
    ) -> SubmissionReceipt:
        document = answers if answers is not None else qlq(2)
        sending = SubmittedForm(document, submission="s1", reviewed=True)
        return submit_form(
            ParticipantContext(self.installation, self.participant(at), at),
            self.slot(visit).public_id,
            sending,
        )


def qlq(value: int) -> dict[str, int | str | None]:
    """A QLQ-C30 with every item answered alike."""
    return {f"q{number}": value for number in range(1, 31)}


def enrolment_entry(subject: str) -> EnrolmentEntry:
    on = START.date()
    return EnrolmentEntry(subject, "en", on, "2.1", on, IdentityCheck.id_card)


def enrol_person(installation: Installation, site: Site, subject: str) -> Person:
    """Somebody enrolled on 2 March 2026, with an activated phone."""
    person = Person(installation, site, subject)
    enrol_participant(StaffContext(installation, person.nurse, START), site, enrolment_entry(subject))
    person.cookie = bind_browser(person, START)
    return person


def bind_browser(person: Person, at: datetime) -> str:
    """The cookie of one more browser of this person, bound with a fresh link."""
    invited = issue_invitation(
        StaffContext(person.installation, person.nurse, at), person.site.study_id, person.subject
    )
    secret = invited.url.rsplit("/", 1)[1]
    return activate_device(person.installation, secret, PIN, PIN, "phone", "192.0.2.1", at)


def with_all_items(installation: Installation) -> Installation:
    """The installation with a plan that leaves no item out."""
    library = installation.library
    plans = {
        key: replace(
            plan, instruments=tuple(replace(each, leave_out=frozenset()) for each in plan.instruments)
        )
        for key, plan in library.plans.items()
    }
    return replace(installation, library=replace(library, plans=plans))


def with_short_diary(installation: Installation) -> Installation:
    """The installation with plans whose diary is daily for six weeks and weekly for four, then over.

    For laws of many acts: each date that is stated moves every entry, and the shipped plan has 230 of them.
    """
    library = installation.library
    plans = {
        key: replace(plan, diary=replace(plan.diary, phases=tuple(map(_shortened, plan.diary.phases))))
        for key, plan in library.plans.items()
        if plan.diary is not None
    }
    return replace(installation, library=replace(library, plans={**library.plans, **plans}))


def _shortened(phase: DiaryPhase) -> DiaryPhase:
    return replace(phase, offsets=phase.offsets[: 42 if phase.unit is Unit.days else 4])


def days(count: float) -> timedelta:
    return timedelta(days=count)


def with_symptom_list(installation: Installation) -> Installation:
    """The installation with a plan whose diary begins with a list of symptoms."""
    library = installation.library
    plans = {
        key: replace(
            plan,
            instruments=tuple(
                replace(each, version="1.1") if each.id == "symptom-diary" else each
                for each in plan.instruments
            ),
        )
        for key, plan in library.plans.items()
    }
    return replace(installation, library=replace(library, plans=plans))
