"""A site with one participant, grown once per test process and copied, and browsers of its staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyotp
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.domain.records.access import SYSTEM, Role
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff, grant_role, load_study, open_site
from app.storage.tables.studies import Site
from tests.applications import Clock, open_browser
from tests.scenarios.beginnings import make_stage, site_of
from tests.scenarios.people import START, Person, enrol_person, site_entry

PASSWORD = "correct horse battery"


@dataclass
class ClinicFixture:
    """A site with one participant, and browsers of its staff."""

    app: FastAPI
    clock: Clock
    site: Site
    person: Person

    def browser(
        self, role: Role, site: str | None = "0571", language: str = "en", ends_on: date | None = None
    ) -> TestClient:
        """A signed-in browser of a new member of staff."""
        installation: Installation = self.app.state.installation
        email = f"{role.value}.{site}.{language}@example.org"
        new = create_staff(StaffContext(installation, SYSTEM, START), email, "Li Na", PASSWORD, language)
        grant_role(StaffContext(installation, SYSTEM, START), new.staff_id, role, "sbrt-nsclc", site, ends_on)
        client = open_browser(self.app)
        client.post("/desk/sign-in", data={"email": email, "password": PASSWORD})
        code = pyotp.TOTP(new.totp_secret).generate_otp(int(self.clock.at.timestamp()) // 30)
        assert client.post("/desk/sign-in/code", data={"code": code}).headers["location"] == "/desk"
        return client

    @property
    def url(self) -> str:
        return f"/desk/participants/{self.person.row().public_id}"


def restore_clinic(app: FastAPI, clock: Clock, cookie: str) -> ClinicFixture:
    """The site in an application whose database is at a stage that has it, and somebody with this cookie."""
    clock.at = START
    site = site_of(app.state.installation)
    return ClinicFixture(app, clock, site, Person(app.state.installation, site, "0571-001", cookie))


def _grow(installation: Installation) -> Sequence[str]:
    context = StaffContext(installation, SYSTEM, START)
    load_study(context, "sbrt-nsclc", "1.1", StudyMode.DEMO)
    site = open_site(context, "sbrt-nsclc", site_entry("0571"))
    open_site(context, "sbrt-nsclc", site_entry("0021"))
    return (enrol_person(installation, site, "0571-001").cookie,)


CLINIC = make_stage(_grow)
"""The newest plan, two sites, and somebody of the first one."""


def clinic_of(app: FastAPI, clock: Clock, subject: str) -> ClinicFixture:
    """The site of a stage that is grown already, with one of its participants."""
    installation: Installation = app.state.installation
    site = site_of(installation)
    return ClinicFixture(app, clock, site, Person(installation, site, subject))
