"""Participants with a bound phone in one served application, and the thumb's movements on a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count

from fastapi import FastAPI
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect
from sqlmodel import select

from app.domain.capture.answers import SubmittedAnswer
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.enrolment import issue_invitation
from app.storage.queries.participants import get_site_by_code, get_study
from app.storage.tables.capture import AnswerEvent, Quarantine, Response
from app.storage.tables.studies import Site
from app.web.urls import DEVICE_COOKIE
from tests.applications import Clock, application
from tests.faces.participant_browsers import enrol_only, set_up_study
from tests.page_time import forward_clock
from tests.scenarios.people import START, Person, bind_browser, enrol_person
from tests.servers import free_socket, serve_application, socket_address

SIZE: ViewportSize = {"width": 360, "height": 740}


@dataclass
class Patient:
    """Somebody with a form to fill in, and what the server keeps of them."""

    url: str
    clock: Clock
    person: Person

    def bind(self, context: BrowserContext) -> Page:
        """A tab of a browser that knows this person."""
        cookie = bind_browser(self.person, self.clock.at)
        context.add_cookies([{"name": DEVICE_COOKIE, "value": cookie, "url": self.url}])
        return context.new_page()

    def randomise(self) -> None:
        """From now on there is a diary every day."""
        self.person.randomise(date(2026, 3, 2), START)

    def form(self, visit: str = "BL") -> str:
        return f"{self.url}/f/{self.person.slot(visit).public_id}"

    def begin(self, tab: Page, visit: str = "BL") -> None:
        """From the address of a form to its first question."""
        tab.goto(self.form(visit))
        tab.check("[name=who][value=self]")
        tab.locator("footer button").click()
        tab.wait_for_selector("#f")

    def nearly_done(self, context: BrowserContext) -> Page:
        """The QLQ-C30 at its 29th question: the others were answered with 2 before."""
        self.person.begin("BL", self.clock.at)
        known = [SubmittedAnswer(number, 0, f"q{number}", 2) for number in range(1, 29)]
        self.person.save("BL", self.clock.at, *known)
        tab = self.bind(context)
        tab.goto(self.form())
        expect(tab.locator("#s-q29")).to_be_visible()
        return tab

    def responses(self, visit: str = "BL") -> list[Response]:
        with self.person.installation.read() as session:
            slot = self.person.slot(visit).id
            return list(session.exec(select(Response).where(Response.slot_id == slot)))

    def response(self, visit: str = "BL") -> Response:
        (response,) = self.responses(visit)
        return response

    def events(self, visit: str = "BL") -> list[tuple[str, int | None]]:
        """Every answer that arrived, in the order of arrival."""
        with self.person.installation.read() as session:
            slot = self.person.slot(visit).id
            rows = session.exec(select(AnswerEvent).where(AnswerEvent.slot_id == slot).order_by("id"))
            return [(row.item, row.value) for row in rows]

    def quarantined(self, visit: str = "BL") -> list[Quarantine]:
        with self.person.installation.read() as session:
            slot = self.person.slot(visit).id
            return list(session.exec(select(Quarantine).where(Quarantine.slot_id == slot)))

    def closes_at(self, visit: str = "BL") -> datetime:
        closes = self.person.slot(visit).closes_at
        assert closes is not None
        return closes


@dataclass
class Hospital:
    """One served application with one site; every test enrols somebody of its own."""

    url: str
    clock: Clock
    app: FastAPI
    installation: Installation
    site: Site
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def patient(self) -> Patient:
        self.clock.at = START
        person = enrol_person(self.installation, self.site, f"0571-{next(self.numbers):03}")
        return Patient(self.url, self.clock, person)

    def guest(self) -> tuple[Patient, str]:
        """Somebody who has no phone yet, and the link that was made for them."""
        self.clock.at = START
        person = enrol_only(Person(self.installation, self.site, f"0571-{next(self.numbers):03}"))
        invitation = issue_invitation(
            StaffContext(self.installation, person.nurse, self.clock.at), person.site.study_id, person.subject
        )
        return Patient(self.url, self.clock, person), invitation.url


@contextmanager
def serve_hospital(database: str, **environ: str) -> Iterator[Hospital]:
    clock, listener = Clock(START), free_socket()
    app = application(database, clock, DAYBOOK_PUBLIC_URL=socket_address(listener), **environ)
    installation = set_up_study(app)
    with installation.read() as session:
        site = get_site_by_code(session, get_study(session, "sbrt-nsclc").id, "0571")
    with serve_application(app, listener) as url:
        yield Hospital(url, clock, app, installation, site)


def choose_option(tab: Page, number: int) -> None:
    """Tap the option with this place on the question in sight."""
    tab.locator(".q.on .o:not(.no-js)").nth(number).tap()


def tap_next(tab: Page) -> None:
    forward_clock(tab)
    tab.locator("#next").tap()


def answer_last_two(tab: Page) -> None:
    """Answer the last two questions with 2; the review is shown then."""
    for number in (29, 30):
        expect(tab.locator(f"#s-q{number}")).to_be_visible()
        choose_option(tab, 1)
        tap_next(tab)
    expect(tab.locator("#review")).to_be_visible()


def wait_for_paint(tab: Page) -> None:
    """As soon as anything can be seen; the document may still be on its way."""
    while not tab.evaluate("performance.getEntriesByType('paint').length"):
        tab.wait_for_timeout(5)


def speak_chinese(tab: Page) -> None:
    """Change the language; with answers on the form that is asked about first."""
    with tab.expect_navigation():
        tab.locator("header button[value=zh_CN]").tap()
    if "/language/" in tab.url:
        tab.locator("footer button.btn").tap()
    tab.wait_for_selector("html[lang=zh-Hans]")
