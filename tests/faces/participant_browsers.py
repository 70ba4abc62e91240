"""A participant's browser before the real application, enrolled through the real use cases."""

import re
from dataclasses import dataclass
from datetime import datetime
from html import unescape

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from app.domain.records.access import SYSTEM
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.enrolment import enrol_participant, issue_invitation
from app.services.setup.studies import load_study, open_site
from tests.applications import open_browser
from tests.markup import parse_page
from tests.scenarios.people import PIN, START, Person, enrolment_entry, site_entry

ANSWERS = {f"q{number}": "2" for number in range(1, 31)}


@dataclass(slots=True)
class Phone:
    """One participant and the browser that they use."""

    person: Person
    client: TestClient
    link: str
    code: str

    def activate(self) -> None:
        """Bind the browser with the link and a PIN."""
        done = self.client.post(f"/a/{self.link}", data={"pin": PIN, "pin_again": PIN})
        assert done.status_code == 303, done.text

    def slot(self, visit: str = "BL") -> str:
        return self.person.slot(visit).public_id

    def begin(self, visit: str = "BL") -> str:
        slot = self.slot(visit)
        begun = self.client.post(f"/f/{slot}/begin", data={"who": "self"})
        assert begun.status_code == 303, begun.text
        return slot

    def call_numbers(self, path: str) -> list[str]:
        """The numbers in the box of a form that says to call now."""
        box = parse_page(self.client.get(path).text).one("div", id="urgent")
        return [link["href"] for link in box.all("a")]

    def save(self, slot: str, *events: dict[str, object], client: str = "c1") -> Response:
        return self.client.post(f"/f/{slot}/answers", json={"client": client, "events": list(events)})

    def send(self, slot: str, answers: dict[str, str] | None = None, **fields: str) -> Response:
        form = {"submission_id": "s1", "reviewed": "1", "action": "send", **fields}
        return self.client.post(
            f"/f/{slot}/submit", data={**(ANSWERS if answers is None else answers), **form}
        )

    def review(self, slot: str, answers: dict[str, str]) -> Response:
        """The page that follows Send where no script runs."""
        saved = self.send(slot, answers, reviewed="")
        assert saved.status_code == 303, saved.text
        return self.client.get(saved.headers["location"])


def set_up_study(app: FastAPI, at: datetime = START) -> Installation:
    """The application's installation with the study and its site 0571."""
    installation: Installation = app.state.installation
    load_study(StaffContext(installation, SYSTEM, at), "sbrt-nsclc", "1.0", StudyMode.DEMO)
    open_site(StaffContext(installation, SYSTEM, at), "sbrt-nsclc", site_entry("0571"))
    return installation


def invite(app: FastAPI, person: Person, at: datetime = START) -> Phone:
    """A browser of somebody's who holds a fresh link."""
    invitation = issue_invitation(
        StaffContext(person.installation, person.nurse, at), person.site.study_id, person.subject
    )
    return Phone(person, open_browser(app), invitation.url.rsplit("/", 1)[1], invitation.code)


def enrol_only(person: Person, at: datetime = START) -> Person:
    """Enrol somebody who has no phone yet."""
    enrol_participant(
        StaffContext(person.installation, person.nurse, at), person.site, enrolment_entry(person.subject)
    )
    return person


def event(seq: int, item: str, value: object, base: int = 0) -> dict[str, object]:
    """One answer as the runner sends it."""
    return {"seq": seq, "base": base, "item": item, "value": value, "at": "2026-03-02T10:00:00.000+08:00"}


def heading(response: Response) -> str:
    """The page's first h1 as words."""
    match = re.search(r"<h1[^>]*>(.*?)</h1>", response.text, re.DOTALL)
    assert match, response.text
    return unescape(match[1])
