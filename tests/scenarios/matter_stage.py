"""Two sites with everything that can be open in a study, and how each of it is made and decided."""

import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import select

from app.domain.capture.answers import CollectionMode, SubmittedAnswer
from app.domain.desk.matters import MatterKind, MatterName
from app.domain.instruments.responses import AnswerValue
from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM, Role
from app.domain.records.studies import StudyMode
from app.domain.records.visits import VisitState
from app.domain.refusal import Refused
from app.services.capture.quarantine import quarantine_answers
from app.services.clinic.matters.matter_list import MatterFilter, OpenMatter, OpenMatters, get_open_matters
from app.services.clinic.matters.settlement import SettlementEntry, settle_matter
from app.services.core.context import EdcClientSession, EdcContext, StaffContext
from app.services.core.installation import Installation
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import AnchorBody, receive_anchor, receive_visit
from app.services.schedule.anchors import AnchorEntry, record_anchor
from app.services.setup.studies import load_study, open_site
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import Quarantine
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.scenarios.after_baseline import correct_baseline
from tests.scenarios.correction_signer import Signer
from tests.scenarios.edc_session import caller_of, request_about
from tests.scenarios.people import (
    START,
    Person,
    days,
    enrol_person,
    qlq,
    site_entry,
    staff_member,
    with_short_diary,
)

NOW = START + days(40)
"""When the baseline of everybody has closed."""
SOON = START + timedelta(minutes=1)
RANDOMISED, STARTED, ENDED = date(2026, 3, 5), date(2026, 3, 10), date(2026, 3, 20)


@dataclass
class TwoSites:
    """Two sites; an investigator at each, who signs; a data manager and the EDC for both."""

    installation: Installation
    sites: tuple[Site, Site]
    edc: EdcClientSession
    signers: Mapping[str, Signer]
    numbers: "itertools.count[int]"

    @property
    def manager(self) -> StaffContext:
        actor = staff_member(Role.DATA_MANAGER, self.sites[0], everywhere=True)
        return StaffContext(self.installation, actor, NOW)

    def investigator(self, site: Site) -> StaffContext:
        return StaffContext(self.installation, self.signers[site.code].actor, NOW)

    def person(self, site: Site, *, submits: bool = True) -> Person:
        """Somebody randomised who sent their baseline."""
        number = next(self.numbers)
        person = enrol_person(self.installation, site, f"{site.code}-{number:03d}")
        if submits:
            person.begin("BL", START)
            person.submit("BL", START)
            person.randomise(RANDOMISED, START + days(3))
        return person

    def record(self, person: Person, kind: str, on: date, source: Owner = Owner.site, **more: object) -> None:
        entry = AnchorEntry(kind, on, source, "as filed", **more)  # type: ignore[arg-type]  # by name
        nurse = StaffContext(self.installation, person.nurse, START + days(25))
        record_anchor(nurse, person.site.study_id, person.subject, entry, confirmed=True)

    def build_request(self, person: Person) -> EdcRequest:
        request = request_about(self.installation, self.edc, person.subject)
        return replace(
            request, context=EdcContext(self.installation, self.edc, NOW), as_of=NOW - timedelta(hours=1)
        )

    def open(self, context: StaffContext | None = None, **criteria: object) -> OpenMatters:
        return get_open_matters(context or self.manager, MatterFilter(**criteria))  # type: ignore[arg-type]  # by name

    def only(self, kind: MatterKind) -> OpenMatter:
        (matter,) = self.open(kind=kind).rows
        return matter

    def settle(
        self, person: Person, name: MatterName, decision: str, context: StaffContext | None = None
    ) -> None:
        entry = SettlementEntry(decision, "looked up in the file")
        settle_matter(context or self.manager, person.row().id, name, entry)


def open_two_sites(whole: Installation) -> TwoSites:
    installation = with_short_diary(whole)
    system = StaffContext(installation, SYSTEM, START)
    load_study(system, "sbrt-nsclc", "1.1", StudyMode.DEMO)
    here, there = (open_site(system, "sbrt-nsclc", site_entry(code)) for code in ("0571", "0572"))
    signers = {
        site.code: Signer(installation, site, f"zhang{site.code}", Role.INVESTIGATOR)
        for site in (here, there)
    }
    return TwoSites(installation, (here, there), caller_of(installation), signers, itertools.count(1))


def send_two_dates(trial: TwoSites, site: Site) -> Person:
    person = trial.person(site)
    trial.record(person, "sbrt_start", STARTED)
    trial.record(person, "sbrt_start", STARTED + days(1), Owner.edc)
    return person


def send_early_date(trial: TwoSites, site: Site) -> Person:
    """No date is in force, and the one that the EDC says stands against the plan's order."""
    person = trial.person(site)
    trial.record(person, "progression", RANDOMISED - days(1), Owner.edc)
    return person


def send_dates_out_of_order(trial: TwoSites, site: Site) -> Person:
    person = trial.person(site)
    trial.record(person, "sbrt_start", STARTED)
    trial.record(person, "sbrt_end", STARTED - days(1), against_order=True)
    return person


def submit_twice(trial: TwoSites, site: Site) -> Person:
    person = trial.person(site)
    with suppress(Refused):
        person.submit("BL", SOON, qlq(3))
    return person


def answer_on_two_phones(trial: TwoSites, site: Site) -> Person:
    person = trial.person(site, submits=False)
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3), SubmittedAnswer(2, 0, "q2", 3), client="first")
    person.save("BL", SOON, SubmittedAnswer(1, 0, "q1", 4), SubmittedAnswer(2, 0, "q2", 4), client="second")
    person.submit("BL", SOON)
    return person


def leave_form_unexplained(trial: TwoSites, site: Site) -> Person:
    return trial.person(site, submits=False)


def leave_correction_unsigned(trial: TwoSites, site: Site) -> Person:
    person = trial.person(site)
    correct_baseline(person, START)
    return person


def send_contradiction(trial: TwoSites, site: Site) -> Person:
    person = trial.person(site)
    for day in (14, 15):
        with suppress(Refused):
            receive_visit(trial.build_request(person), "W6", VisitState.planned, date(2026, 4, day))
    return person


MAKERS: tuple[tuple[MatterKind, Callable[[TwoSites, Site], Person]], ...] = (
    (MatterKind.dates_differ, send_two_dates),
    (MatterKind.dates_differ, send_early_date),
    (MatterKind.dates_order, send_dates_out_of_order),
    (MatterKind.quarantine, submit_twice),
    (MatterKind.conflict, answer_on_two_phones),
    (MatterKind.missed, leave_form_unexplained),
    (MatterKind.correction, leave_correction_unsigned),
    (MatterKind.edc_message, send_contradiction),
)


def quarantine_answers_of(person: Person, at: datetime, answers: Mapping[str, AnswerValue]) -> MatterName:
    """Answers that the baseline cannot take, as every way of coming too late stores them."""
    with person.installation.open_work(SYSTEM, at) as work:
        work.lock(participant_chain(person.row().id))
        slot = work.session.exec(select(Slot).where(Slot.public_id == person.slot("BL").public_id)).one()
        mode = CollectionMode.own_device
        quarantine_answers(work, slot, answers, "altered", at, mode=mode, clock_untrusted=False)
    with person.installation.read() as session:
        newest = session.exec(select(sa.func.max(Quarantine.id))).one()
    return MatterName(MatterKind.quarantine, str(newest))


def queue_two_messages(trial: TwoSites, site: Site, kind: str) -> None:
    """The EDC says two dates of a kind for one moment; the second one is not taken."""
    person = trial.person(site)
    for day in (14, 15):
        with suppress(Refused):
            body = AnchorBody(kind, date(2026, 3, day), None, confirm=True)
            receive_anchor(trial.build_request(person), body)
