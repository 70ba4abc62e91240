"""A running desk in a real browser: its sites and staff, how they sign in, and whether a page is sound."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyotp
from playwright.sync_api import BrowserContext, Page

from app.domain.records.access import SYSTEM, Role
from app.domain.records.studies import StudyMode
from app.services.accounts.staff_session import confirm_second_factor, sign_in_staff
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff, grant_role, load_study, open_site
from app.storage.tables.studies import Site
from app.web.urls import SESSION_COOKIE
from tests import servers
from tests.applications import Clock, application
from tests.axe import find_violations
from tests.scenarios.people import START, site_entry

PASSWORD = "correct horse battery"
STUDY = "sbrt-nsclc"
_HERE = "127.0.0.1"
A4_WIDTH = 718
"""Of a page between margins of 1 cm, in pixels."""


@dataclass
class ServedDesk:
    """The desk of a study, its clock, and the second factors of its staff by their addresses."""

    address: str
    clock: Clock
    installation: Installation
    secrets: dict[str, str] = field(default_factory=dict)

    def open_site(self, code: str) -> Site:
        return open_site(self._operator, STUDY, site_entry(code))

    def hire(self, email: str, name: str, role: Role, *sites: str | None) -> None:
        """A new member of staff with this role at each of these sites; None: in the whole study."""
        new = create_staff(self._operator, email, name, PASSWORD, "en")
        for site in sites:
            grant_role(self._operator, new.staff_id, role, STUDY, site)
        self.secrets[email] = new.totp_secret

    def code(self, email: str) -> str:
        """The next code of somebody's app; each works once."""
        self.clock.forward(minutes=1)
        return pyotp.TOTP(self.secrets[email]).generate_otp(int(self.clock.at.timestamp()) // 30)

    def give_secrets(self, page: Page, email: str) -> None:
        """Fill in the two pages of signing in."""
        page.fill("#email", email)
        page.fill("#password", PASSWORD)
        page.click("main button.btn")
        page.fill("#code", self.code(email))
        page.click("main button.btn")

    def sign_in(self, context: BrowserContext, email: str) -> Page:
        """The desk after the two pages of signing in."""
        page = context.new_page()
        page.goto(f"{self.address}/desk")
        self.give_secrets(page, email)
        page.wait_for_url(re.compile("/desk(/people)?$"))  # an administrator begins with people
        return page

    def come_in(self, context: BrowserContext, email: str) -> Page:
        """The desk as it opens for somebody whose browser holds their session; nobody types anything."""
        half = sign_in_staff(self.installation, email, PASSWORD, _HERE, self.clock.at)
        code = self.code(email)
        cookie = confirm_second_factor(self.installation, half, code, _HERE, self.clock.at)
        context.add_cookies([{"name": SESSION_COOKIE, "value": cookie, "url": self.address}])
        page = context.new_page()
        page.goto(f"{self.address}/desk")
        return page

    @property
    def _operator(self) -> StaffContext:
        return StaffContext(self.installation, SYSTEM, START)


@contextmanager
def serve_desk(database: str, plan: str = "1.0") -> Iterator[ServedDesk]:
    """The study without sites, on a migrated database."""
    clock, listener = Clock(START), servers.free_socket()
    address = servers.socket_address(listener).replace("127.0.0.1", "localhost")  # a name, for passkeys
    app = application(database, clock, DAYBOOK_PUBLIC_URL=address)
    desk = ServedDesk(address, clock, app.state.installation)
    load_study(StaffContext(desk.installation, SYSTEM, START), STUDY, plan, StudyMode.DEMO)
    with servers.serve_application(app, listener):
        yield desk


def check_sound(page: Page) -> None:
    """No finding of axe, and nothing wider than the window."""
    assert find_violations(page) == [], (page.url, page.viewport_size)
    check_fits(page)


CUT_OFF = """innerWidth > 640 ? [] : [...document.querySelectorAll('.scroll')]
  .filter(each => each.querySelector('.cards') && each.scrollWidth > each.clientWidth)
  .map(each => each.innerText.slice(0, 80))"""
"""Lists whose rows are blocks of their own on a phone, and hide the end of a line all the same."""


def check_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.url
    assert page.evaluate(CUT_OFF) == [], page.url
