"""A study with two sites, and everybody who may come to an address of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyotp
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlmodel import Session, col, func, select

from app.domain.desk.trail import TrailKind, list_trail_events
from app.domain.records.access import SYSTEM, Role, Scope
from app.services.clinic.today.contact_log import log_contact
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import NewStaff, create_staff, grant_role
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import Alert, AnswerEvent, Correction
from app.storage.tables.capture import Response as Answered
from app.storage.tables.edc import EdcClient
from app.storage.tables.feed import DataExport
from app.storage.tables.participants import ContactEntry, Device, Participant, TeamRequest
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import RoleGrant
from app.web import urls
from tests.applications import Clock, open_browser
from tests.faces.edc_caller import Edc, enrol_with_baseline, open_sites, sign_in_edc
from tests.faces.participant_browsers import ANSWERS, Phone, enrol_only, event, invite
from tests.faces.rights import STAFF, Who
from tests.scenarios.after_baseline import correct_baseline, raise_alert
from tests.scenarios.people import PIN, START, Person, with_short_diary

PASSWORD = "correct horse battery"
HALF = "half@example.org"
IDLE_MINUTES = 16
"""Longer than the plan lets a telephone lie."""
ABOUT_SUBMITTED = (
    urls.FORM_CORRECTION,
    urls.CORRECTION,
    urls.MATTER,
    urls.ALERT,
    urls.ALERT_ACKNOWLEDGEMENT,
    urls.ALERT_ACTIONS,
    urls.ALERT_CLOSING,
)
"""Addresses of forms that were sent, which only the fourth person of each site has done."""
NOWHERE = "0"
"""Stands in an address for what there is none of."""

PLACES: Mapping[str, Callable[[Session, Participant], object]] = {
    "participant": lambda _session, row: row.public_id,
    "subject": lambda _session, row: row.subject,
    "slot": lambda session, row: session.exec(
        select(Slot.public_id).where(Slot.visit == "BL", Slot.participant_id == row.id)
    ).one(),
    "device": lambda session, row: session.exec(
        select(Device.id).where(Device.participant_id == row.id)
    ).first(),
    "request": lambda session, row: session.exec(
        select(TeamRequest.id).where(TeamRequest.participant_id == row.id)
    ).first(),
    "staff": lambda session, row: session.exec(
        select(RoleGrant.staff_id).where(RoleGrant.site_id == row.site_id)
    ).first(),
    "grant": lambda session, row: session.exec(
        select(RoleGrant.id).where(RoleGrant.site_id == row.site_id)
    ).first(),
    "site": lambda _session, row: row.site_id,
    "entry": lambda session, row: session.exec(
        select(ContactEntry.id).where(ContactEntry.participant_id == row.id)
    ).first(),
    "correction": lambda session, row: session.exec(
        select(Correction.public_id).where(Correction.participant_id == row.id)
    ).first(),
    "alert": lambda session, row: session.exec(
        select(Alert.public_id).where(Alert.participant_id == row.id)
    ).first(),
    "client": lambda session, row: session.exec(
        select(EdcClient.client_id).where(EdcClient.study_id == row.study_id)
    ).first(),
    "matter": lambda _session, _row: "quarantine-1",
    "export": lambda session, _row: session.exec(select(DataExport.public_id)).first(),
}
"""What an address names, by the names that declared paths have."""

ENDING = (
    "/desk/sign-in/code",
    "/desk/sign-out",
    "/unlock",
    "/settings/leave",
    "/desk/sign-in",
)
"""Asked last, because they end the state that the others are asked in."""

_ENTRIES = select(func.count()).select_from(AuditEntry)
_IS_LOOK = col(AuditEntry.event).in_(list_trail_events(TrailKind.looks))
_LOOKS = _ENTRIES.where(_IS_LOOK)


@dataclass
class SiteFixture:
    """One person of this hospital who is in the middle of the study, and one of another hospital."""

    app: FastAPI
    clock: Clock
    phone: Phone
    others: Phone
    waiting: Phone
    member: NewStaff
    edc: Edc
    assessments: Mapping[str, str]
    """The form that somebody of each site sent."""
    staff: dict[str, tuple[NewStaff, dict[str, str]]] = field(default_factory=dict)
    """Who has signed in at the beginning, by their address, and what their browser carries."""
    _values: dict[tuple[str, str], str] = field(default_factory=dict)
    _rows: dict[str, Participant] = field(default_factory=dict)

    @property
    def installation(self) -> Installation:
        return self.phone.person.installation

    def answers(self) -> tuple[int, int]:
        """How many answers and sent forms there are."""
        with self.installation.read() as session:
            events = session.exec(select(func.count()).select_from(AnswerEvent)).one()
            return events, session.exec(select(func.count()).select_from(Answered)).one()

    def trail(self) -> int:
        """How many entries the audit trail has, beside those of looks at answers and at the trail itself."""
        with self.installation.read() as session:
            return session.exec(_ENTRIES.where(~_IS_LOOK)).one()

    def views(self) -> int:
        """How many entries of the audit trail tell of looks and files."""
        with self.installation.read() as session:
            return session.exec(_LOOKS).one()

    def places(self, person: Person) -> dict[str, str]:
        """What stands in the addresses of this person's pages."""
        return {name: self._address_part(name, person) for name in PLACES}

    def _address_part(self, name: str, person: Person) -> str:
        """One of them; what there is keeps its name, and is looked up once."""
        if (person.subject, name) not in self._values:
            if person.subject not in self._rows:  # of which addresses name nothing that changes
                self._rows[person.subject] = person.row()
            with self.installation.read() as session:
                value = PLACES[name](session, self._rows[person.subject])
            if value is None:
                return NOWHERE
            self._values[person.subject, name] = str(value)
        return self._values[person.subject, name]

    def address(self, path: str, person: Person) -> str:
        """The real address of a declared path, about this person."""
        if path.startswith("/static/"):
            return self.stylesheet()
        if path in ABOUT_SUBMITTED:
            person = Person(self.installation, person.site, f"{person.site.code}-004")
        fixed = {
            "link": self.waiting.link,
            "study": "sbrt-nsclc",
            "kind": "sbrt_start",
            "visit": "BL",
            "news": "saved",
            "step": "begin",
            "version": "1",
            "what": "hour",
            "code": "en",
            "cut": "IA1",
            "dataset": "dm",
            "file": "dm.csv",
            "session": "0123456789abcdef",
            "passkey": "1",
            "assessment": self.assessments[person.site.code],
        }
        return re.sub(
            r"\{(\w+)\}", lambda name: fixed.get(name[1]) or self._address_part(name[1], person), path
        )

    def stylesheet(self) -> str:
        match = re.search(r'href="(/static/[^"]+\.css)"', open_browser(self.app).get("/").text)
        assert match
        return match[1]


def make_site_fixture(app: FastAPI, clock: Clock) -> SiteFixture:
    """The sites at the hour of enrolment, in a study with a short diary."""
    clock.at = START
    app.state.installation = with_short_diary(app.state.installation)
    here, there = open_sites(app, START)
    installation: Installation = app.state.installation
    phones = [
        invite(app, enrol_only(Person(installation, site, f"{site.code}-00{number}")))
        for site, number in ((here, 1), (there, 2), (here, 3))
    ]
    for each in phones[:2]:
        each.activate()
        each.client.post("/help/call")
        person = each.person
        log_contact(StaffContext(installation, person.nurse, START), person.row().id, "no_answer", "", None)
    for site in (here, there):
        baseline = enrol_with_baseline(app, site, f"{site.code}-004", START)
        correct_baseline(baseline, START)
        raise_alert(baseline, START)
    system = StaffContext(installation, SYSTEM, START)
    member = create_staff(system, HALF, "Li Na", PASSWORD, "en")
    for site in (here, there):
        pair = create_staff(system, f"{site.code}@example.org", "Wang Fang", PASSWORD, "en")
        grant_role(system, pair.staff_id, Role.NURSE, "sbrt-nsclc", site.code)
    edc = sign_in_edc(app, START)
    edc.post("/cuts", {"name": "IA1", "purpose": "interim"})
    edc.post("/exports", {"cut": "IA1", "purpose": "interim", "formats": ["csv"]})
    submitted = {str(each["site"]): str(each["ref"]) for each in edc.changes(type="assessment.completed")}
    phone, others, waiting = phones
    return SiteFixture(app, clock, phone, others, waiting, member, edc, submitted)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with what their browser or program carries, given anew with each request."""

    sites: SiteFixture
    carried: Mapping[str, str]
    keyless: bool = False
    """Whether they have not seen the pages of what they ask for."""

    def ask(self, method: str, path: str, address: str, **headers: str) -> Response:
        """The request as this address expects it; nothing that comes back is kept."""
        client = open_browser(self.sites.app, **headers)
        client.keyless = self.keyless
        return client.request(
            method, address, headers=dict(self.carried), **valid_body(self.sites, method, path)
        )


def caller_as(sites: SiteFixture, who: Who) -> Caller:
    """This somebody, let in as far as they can be."""
    return Caller(sites, _LET_IN[who](sites, who))


def valid_body(sites: SiteFixture, method: str, path: str) -> dict[str, Any]:
    """What a caller in good faith would send; elsewhere nothing, which is refused as incomplete."""
    if method == "PUT" or path.startswith(("/api/edc/v1/cuts", "/api/edc/v1/exports")):
        return {"json": {}}
    if method == "GET":
        return {}
    if path == "/f/{slot}/answers":
        return {"json": {"client": "c1", "events": [event(1, "q1", 2)]}}
    if path == "/f/{slot}/late":
        return {"json": {"client": "c1", "kept": []}}
    if path == "/desk/sign-in/code":
        return {"data": {"code": _code(sites, sites.member)}}
    if path == urls.HAND_OVER:  # not open: the session goes on
        return {"data": {"slot": sites.phone.person.slot("W6").public_id}}
    forms: Mapping[str, Mapping[str, str]] = {
        "/language": {"lang": "en"},
        "/code": {"code": sites.waiting.code},
        "/unlock": {"pin": PIN},
        "/settings/pin": {"pin_now": PIN, "pin_new": PIN, "pin_again": PIN},
        "/f/{slot}/begin": {"who": "self"},
        "/f/{slot}/submit": {**ANSWERS, "submission_id": "s1", "reviewed": "1", "action": "send"},
        "/settings/text-size": {"size": "large"},
        "/settings/reminders": {"wanted": "no"},
        "/settings/reminders/hour": {"hour": "10:00"},
        "/settings/address": {"address": "li@example.org"},
        urls.STAFF_GRANTS: {"study": "sbrt-nsclc"},
        "/desk/sign-in": {"email": HALF, "password": PASSWORD},
        "/api/edc/v1/oauth/token": {
            "grant_type": "client_credentials",
            "client_id": sites.edc.client.client_id,
            "client_secret": sites.edc.client.secret,
        },
    }
    return {"data": dict(forms.get(path, {}))}


def _nobody(_sites: SiteFixture, _who: Who) -> dict[str, str]:
    return {}


def _half(sites: SiteFixture, _who: Who) -> dict[str, str]:
    client = open_browser(sites.app)
    client.post("/desk/sign-in", data={"email": HALF, "password": PASSWORD})
    return _cookies(client)


def _colleague(sites: SiteFixture, who: Who) -> dict[str, str]:
    return sign_in_colleague(sites, who, f"{who}@example.org")


def sign_in_colleague(sites: SiteFixture, who: Who, email: str, site: str | None = "0571") -> dict[str, str]:
    """What the browser of a member of staff carries who has this role and has signed in."""
    new, carried = sites.staff.get(email, (None, {}))
    if carried and sites.clock.at == START:
        return dict(carried)
    if new is None:
        system = StaffContext(sites.installation, SYSTEM, START)
        new = create_staff(system, email, "Li Na", PASSWORD, "en")
        grant_role(system, new.staff_id, STAFF[who], "sbrt-nsclc", site)
    client = open_browser(sites.app)
    client.post("/desk/sign-in", data={"email": email, "password": PASSWORD})
    done = client.post("/desk/sign-in/code", data={"code": _code(sites, new)})
    assert done.headers["location"] == "/desk"
    sites.staff[email] = new, _cookies(client)
    return _cookies(client)


def _participant(sites: SiteFixture, _who: Who) -> dict[str, str]:
    return _cookies(sites.phone.client)


def _locked(sites: SiteFixture, _who: Who) -> dict[str, str]:
    sites.clock.forward(minutes=IDLE_MINUTES)
    return _cookies(sites.phone.client)


def _client(sites: SiteFixture, who: Who) -> dict[str, str]:
    scopes = tuple(Scope) if who is Who.edc else ()
    return {"Authorization": f"Bearer {sign_in_edc(sites.app, START, scopes, ['0571']).token}"}


_LET_IN: Mapping[Who, Callable[[SiteFixture, Who], dict[str, str]]] = {
    Who.stranger: _nobody,
    Who.half: _half,
    **dict.fromkeys(STAFF, _colleague),
    Who.participant: _participant,
    Who.locked: _locked,
    Who.edc_without_scopes: _client,
    Who.edc: _client,
}


def _cookies(client: TestClient) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)}


def _code(sites: SiteFixture, member: NewStaff) -> str:
    """The one-time code of this moment."""
    return str(pyotp.TOTP(member.totp_secret).generate_otp(int(sites.clock.at.timestamp()) // 30))
