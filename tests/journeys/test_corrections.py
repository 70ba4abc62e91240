"""A correction in a real browser: proposed and signed without scripts, read, printed; every page is sound."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.domain.capture.answers import SubmittedAnswer
from app.domain.records.access import SYSTEM, Role
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff, grant_role, load_study, open_site
from tests import servers
from tests.applications import Clock, application
from tests.journeys.test_clinic import A4_WIDTH, PASSWORD, check_sound
from tests.services.after_baseline import propose
from tests.services.people import START, Person, enrolled, site_entry


@dataclass
class ServedSite:
    """A running desk with somebody who sent the baseline, and the second factors of its staff."""

    address: str
    clock: Clock
    person: Person
    secrets: dict[Role, str]

    def code(self, role: Role) -> str:
        """The next code of somebody's app; each works once."""
        self.clock.forward(minutes=1)
        return pyotp.TOTP(self.secrets[role]).generate_otp(int(self.clock.at.timestamp()) // 30)

    def sign_in(self, context: BrowserContext, role: Role) -> Page:
        page = context.new_page()
        page.goto(f"{self.address}/desk")
        page.fill("#email", f"{role.value}@example.org")
        page.fill("#password", PASSWORD)
        page.click("main button.btn")
        page.fill("#code", self.code(role))
        page.click("main button.btn")
        page.wait_for_url("**/desk")
        return page


@pytest.fixture
def served(migrated_sqlite_url: str) -> Iterator[ServedSite]:
    clock, listener = Clock(START), servers.free_socket()
    address = servers.address(listener)
    app = application(migrated_sqlite_url, clock, DAYBOOK_PUBLIC_URL=address)
    made: Installation = app.state.installation
    outside = StaffContext(made, SYSTEM, START)
    load_study(outside, "sbrt-nsclc", "1.0", StudyMode.DEMO)
    site = open_site(outside, "sbrt-nsclc", site_entry("0571"))
    person = enrolled(made, site, "0571-001")
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q5", 4), SubmittedAnswer(2, 1, "q5", 2))
    person.submit("BL", START)
    secrets = {}
    for role in (Role.NURSE, Role.INVESTIGATOR):
        new = create_staff(outside, f"{role.value}@example.org", role.value.title(), PASSWORD, "en")
        grant_role(outside, new.staff_id, role, "sbrt-nsclc", "0571")
        secrets[role] = new.totp_secret
    with servers.serving(app, listener):
        yield ServedSite(address, clock, person, secrets)


def propose_by_page(page: Page, day: str) -> None:
    """From the page of the form to the proposal: question 5 was a slip of the finger."""
    page.click("a:has-text('Propose a correction')")
    page.check("[name=item][value=q5]")
    page.click("main button.btn")
    page.select_option("#new_q5", "3")
    page.select_option("#reason_q5", "wrong_tap")
    page.fill("#words", "I meant quite a bit")
    page.fill("#told_on", day)
    page.check("[name=evidence][value=telephone]")
    page.click("main button.btn")
    expect(page.locator("[role=status]")).to_contain_text(
        "It changes nothing until an investigator signs it."
    )


@pytest.mark.slow
def test_a_correction_is_proposed_signed_and_printed(chromium: Browser, served: ServedSite) -> None:
    person = f"{served.address}/desk/participants/{served.person.row().public_id}"
    form = f"{person}/forms/{served.person.slot('BL').public_id}"
    plain = chromium.new_context(java_script_enabled=False, locale="en-GB")
    nurse = served.sign_in(plain, Role.NURSE)
    nurse.goto(form)
    propose_by_page(nurse, START.date().isoformat())
    plain.clear_cookies()
    doctor = served.sign_in(plain, Role.INVESTIGATOR)
    doctor.click("a:has-text('To sign')")
    doctor.click("#work tbody a")
    doctor.check("[name=outcome][value=approved]")
    doctor.fill("#password", PASSWORD)
    doctor.fill("#one_time_code", served.code(Role.INVESTIGATOR))
    doctor.click("main form button.btn")
    expect(doctor.locator("[role=status]")).to_contain_text("Your decision is signed and recorded.")
    signed = doctor.url
    plain.close()

    waiting = propose(served.person, served.clock.at, version=2)
    with chromium.new_context(locale="en-GB") as context:
        page = served.sign_in(context, Role.INVESTIGATOR)
        listed = f"{served.address}/desk/corrections"
        pages = (
            listed,
            f"{listed}?decided=1",
            signed,
            f"{person}/corrections/{waiting}",
            form,
            f"{form}/correction",
            f"{form}/correction?item=q5&item=q30",
        )
        for widths in ((1280, 360), (360, 1280)):  # first in English, then in Chinese
            for address in pages:
                page.goto(address)
                for width in widths:
                    page.set_viewport_size({"width": width, "height": 800})
                    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
                check_sound(page)
            page.click("form[action='/desk/language'] button")
        check_copy(page, form)


def check_copy(page: Page, form: str) -> None:
    """On paper stand whose copy it is and every earlier answer, and no button; it fits."""
    page.goto(form)
    revision = page.locator(".facts details li").first
    expect(revision).not_to_be_visible()
    page.set_viewport_size({"width": A4_WIDTH, "height": 900})
    page.emulate_media(media="print")
    expect(page.locator(".print-head")).to_be_visible()
    expect(page.locator("[data-print]")).not_to_be_visible()
    expect(revision).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
