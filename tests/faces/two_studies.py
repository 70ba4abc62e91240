"""Two studies of one hospital whose sites and participants have the same codes, and somebody of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyotp
from fastapi import FastAPI

from app.domain.plans.plan import SecondCheck
from app.domain.records.access import SYSTEM, Role
from app.domain.records.studies import StudyMode
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.team_requests import request_call
from app.services.schedule.enrolment import enrol_participant
from app.services.setup.studies import SiteEntry, create_staff, grant_role, load_study, open_site
from app.storage.queries.participants import get_site_by_code, get_study
from app.storage.tables.studies import Site
from tests.applications import Clock, application, open_browser
from tests.browsers import Browser
from tests.faces.callers import PASSWORD
from tests.scenarios.beginnings import make_stage
from tests.scenarios.people import START, Person, enrol_person, enrolment_entry

HERE, OTHER = "sbrt-nsclc", "other-trial"
CODE, SUBJECT = "0571", "0571-001"
TITLES = {HERE: "SBRT against standard care in non-small cell lung cancer", OTHER: "Aspirin, another trial"}
HOSPITALS = {HERE: "Hospital of lungs", OTHER: "Hospital of hearts"}
PHONES = {HERE: "0571-1000001", OTHER: "0571-2000002"}
UNUSED = {HERE: "0571-002", OTHER: "0571-003"}
"""Somebody of each study who has no phone."""


@dataclass(frozen=True)
class TwoStudies:
    """The same hospital and the same code in both; `people` are two persons."""

    app: FastAPI
    installation: Installation
    clock: Clock
    sites: Mapping[str, Site]
    people: Mapping[str, Person]

    def browser(self, roles: Mapping[str, Role], language: str = "en") -> Browser:
        """A signed-in browser of somebody new who has one role in each of these studies."""
        outside = StaffContext(self.installation, SYSTEM, START)
        email = f"{'.'.join(f'{study}.{role}' for study, role in roles.items())}.{language}@example.org"
        new = create_staff(outside, email, "Li Na", PASSWORD, language)
        for study, role in roles.items():
            grant_role(outside, new.staff_id, role, study, CODE)
        client = open_browser(self.app)
        client.post("/desk/sign-in", data={"email": email, "password": PASSWORD})
        code = pyotp.TOTP(new.totp_secret).generate_otp(int(self.clock.at.timestamp()) // 30)
        assert client.post("/desk/sign-in/code", data={"code": code}).headers["location"] == "/desk"
        return client

    def add(self, study: str, subject: str) -> None:
        """Enrol one more person without a phone."""
        person = Person(self.installation, self.sites[study], subject)
        enrol_participant(
            StaffContext(self.installation, person.nurse, START), person.site, enrolment_entry(subject)
        )

    def address_of(self, study: str) -> str:
        """The page of the participant whose code both studies have."""
        return f"/desk/participants/{self.people[study].row().public_id}"


def restore_two_studies(url: str, cookies: Sequence[str]) -> TwoStudies:
    """The two studies in a database at `TWO_STAGE`, a week after they began."""
    clock = Clock(START)
    app = application(url, clock)
    enlarged = app.state.installation = _with_another_plan(app.state.installation)
    with enlarged.read() as session:
        sites = {
            study: get_site_by_code(session, get_study(session, study).id, CODE) for study in (HERE, OTHER)
        }
    people = {
        study: Person(enlarged, sites[study], SUBJECT, cookie)
        for study, cookie in zip((HERE, OTHER), cookies, strict=True)
    }
    clock.forward(days=8, hours=15)
    return TwoStudies(app, enlarged, clock, sites, people)


def _grow(installation: Installation) -> Sequence[str]:
    """Both on two days of the calendar; each with a form due, a request, one person with no phone."""
    with_plan, cookies = _with_another_plan(installation), []
    outside = StaffContext(with_plan, SYSTEM, START)
    for study, zone in ((HERE, "Asia/Shanghai"), (OTHER, "Europe/Berlin")):
        load_study(outside, study, "1.0", StudyMode.DEMO)
        entry = SiteEntry(CODE, HOSPITALS[study], PHONES[study], "8-17", zone)
        site = open_site(outside, study, entry)
        person = enrol_person(with_plan, site, SUBJECT)
        request_call(ParticipantContext(with_plan, person.participant(START), START))
        unused = Person(with_plan, site, UNUSED[study])
        enrol_participant(StaffContext(with_plan, unused.nurse, START), site, enrolment_entry(unused.subject))
        cookies.append(person.cookie)
    return cookies


def _with_another_plan(installation: Installation) -> Installation:
    """The installation with one more plan: the shipped one under another name, for one language."""
    shipped = installation.library.get_plan(HERE, "1.0")
    other = replace(
        shipped,
        id=OTHER,
        title={"en": TITLES[OTHER], "zh_CN": "另一项研究"},
        neutral_name={"en": "Aspirin days", "zh_CN": "另一项研究"},
        languages=("en",),
        subject_pattern="[0-9]{4}-[0-9]{3,5}",
        second_check=SecondCheck.none,
    )
    plans = {**installation.library.plans, (OTHER, "1.0"): other}
    return replace(installation, library=replace(installation.library, plans=plans))


TWO_STAGE = make_stage(_grow)
