"""Entering a paper form in a real browser: thirty keys for thirty questions."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from app.domain.records.access import SYSTEM, Role
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff, grant_role, load_study, open_site
from tests import servers
from tests.applications import Clock, application
from tests.journeys.desk import PASSWORD, check_sound
from tests.scenarios.people import START, Person, enrol_person, site_entry


@dataclass
class PaperDesk:
    """A running desk with somebody whose baseline is open, its clock, and the nurse's second factor."""

    address: str
    person: Person
    clock: Clock
    secret: str

    def sign_in(self, page: Page) -> None:
        page.goto(f"{self.address}/desk")
        page.fill("#email", "nurse@example.org")
        page.fill("#password", PASSWORD)
        page.click("main button.btn")
        self.clock.forward(minutes=1)  # each code works once
        page.fill("#code", pyotp.TOTP(self.secret).generate_otp(int(self.clock.at.timestamp()) // 30))
        page.click("main button.btn")
        page.wait_for_url("**/desk")


@pytest.fixture
def desk(migrated_sqlite_url: str) -> Iterator[PaperDesk]:
    clock, listener = Clock(START), servers.free_socket()
    address = servers.socket_address(listener)
    app = application(migrated_sqlite_url, clock, DAYBOOK_PUBLIC_URL=address)
    installation: Installation = app.state.installation
    outside = StaffContext(installation, SYSTEM, START)
    load_study(outside, "sbrt-nsclc", "1.0", StudyMode.DEMO)
    person = enrol_person(installation, open_site(outside, "sbrt-nsclc", site_entry("0571")), "0571-001")
    new = create_staff(outside, "nurse@example.org", "Nurse", PASSWORD, "en")
    grant_role(outside, new.staff_id, Role.NURSE, "sbrt-nsclc", "0571")
    with servers.serve_application(app, listener):
        yield PaperDesk(address, person, clock, new.totp_secret)


def check_handed_over(page: Page, desk: PaperDesk) -> None:
    """The nurse hands the tablet over: back, reload and old addresses show nothing of the desk any more."""
    about = f"{desk.address}/desk/participants/{desk.person.row().public_id}"
    page.goto(about)
    page.goto(f"{about}/hand-over")
    page.click("main form button.btn")
    expect(page.locator("h1")).to_have_text("Your study team has handed you this tablet")
    acts: tuple[Callable[[], object], ...] = (
        page.go_back,
        page.reload,
        page.go_back,
        lambda: page.goto(about),
    )
    for act in acts:
        act()
        expect(page.locator("h1")).to_have_text("Sign in as study staff")
        assert desk.person.subject not in page.content()


@pytest.mark.req("CAP-21", "IAM-08")
def test_thirty_answers_take_thirty_keys(chromium: Browser, desk: PaperDesk) -> None:
    page = chromium.new_context().new_page()
    desk.sign_in(page)
    check_handed_over(page, desk)
    desk.sign_in(page)
    slot = desk.person.slot("BL").public_id
    page.goto(f"{desk.address}/desk/participants/{desk.person.row().public_id}/forms/{slot}")
    page.click("a:has-text('Enter from paper')")
    for part, typed in (("day", "2"), ("month", "3"), ("year", "2026")):
        page.fill(f"#collected_on_{part}", typed)
    expect(page.locator("output.echo")).to_contain_text("2 March 2026")
    page.fill("#paper", "binder 2")
    page.check("[name=reason][value=prefers_paper]")
    page.focus("[name=a_q1]")
    page.keyboard.type("4")
    page.keyboard.press("Backspace")
    page.keyboard.type("3" + "2" * 27 + "0" + "7")
    expect(page.locator("#paper-count")).to_have_text("30 of 30 questions entered")
    expect(page.locator("#paper-send")).to_be_focused()
    check_sound(page)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/forms/[^/]+$"))  # what is done is said once
    with desk.person.installation.read() as session:
        answers = session.connection().exec_driver_sql("SELECT answers FROM response").scalar_one()
    assert '"q1":3' in answers.replace(" ", "")
    assert '"q29":null,"q30":7' in answers.replace(" ", "")
