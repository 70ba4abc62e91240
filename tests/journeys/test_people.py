"""An administrator invites somebody in a real browser, who sets up their sign-in; every page is sound."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page

from app.domain.records.access import SYSTEM, Role
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff, grant_role, load_study, open_site
from tests import servers
from tests.applications import Clock, application
from tests.axe import audit
from tests.services.people import START, site_entry

PASSWORD, EMAIL, STUDY = "correct horse battery", "boss@example.org", "sbrt-nsclc"
SHOTS = os.environ.get("PEOPLE_SHOTS", "")
"""A folder for pictures of every page, for who wants to look at them."""


@dataclass
class Served:
    """A running desk and the second factor of its administrator."""

    address: str
    secret: str
    at: datetime


@pytest.fixture
def served(migrated_sqlite_url: str) -> Iterator[Served]:
    clock, listener = Clock(START), servers.free_socket()
    address = servers.address(listener)
    app = application(migrated_sqlite_url, clock, DAYBOOK_PUBLIC_URL=address)
    made: Installation = app.state.installation
    system = StaffContext(made, SYSTEM, START)
    load_study(system, STUDY, "1.0", StudyMode.DEMO)
    open_site(system, STUDY, site_entry("0571"))
    new = create_staff(system, EMAIL, "Wang Fang", PASSWORD, "en")
    grant_role(system, new.staff_id, Role.ADMIN, STUDY, None)
    nurse = create_staff(system, "li.na@example.org", "Li Na", PASSWORD, "en")
    grant_role(system, nurse.staff_id, Role.NURSE, STUDY, "0571")
    with servers.serving(app, listener):
        yield Served(address, new.totp_secret, clock.at)


def code(secret: str, served: Served) -> str:
    return pyotp.TOTP(secret).generate_otp(int(served.at.timestamp()) // 30)


def check_sound(page: Page, name: str) -> None:
    """No finding of axe where scripts run, and nothing wider than the window."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)
    assert audit(page) == [], name
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


@pytest.mark.slow
@pytest.mark.req("IAM-01", "IAM-11")
@pytest.mark.parametrize(("width", "language"), [(360, "zh_CN"), (1280, "en")])
def test_the_administrator_s_pages_are_sound(
    chromium: Browser, served: Served, width: int, language: str
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, locale="en-GB")
    page = context.new_page()
    page.goto(f"{served.address}/desk")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("main button.btn")
    page.fill("#code", code(served.secret, served))
    page.click("main button.btn")
    if language == "zh_CN":
        page.click("form[action='/desk/language'] button")
    look = f"{width}-{language}"
    for path in ("people/2", "people", "access-review", "roles", "sites", "sites/1", "account"):
        page.goto(f"{served.address}/desk/{path}")
        page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
        check_sound(page, f"{look}-{path.replace('/', '-')}")
    page.goto(f"{served.address}/desk/people/invite")
    for name, value in (("name", "Zhao Min"), ("email", "zhao@example.org"), ("reason", "new nurse")):
        page.fill(f"#{name}", value)
    page.click("main button.btn >> nth=0")  # without a role, which is asked then
    check_sound(page, f"{look}-invite")
    assert page.input_value("#reason") == "new nurse"
    page.check("[name=role_nurse]", force=True)
    page.check("[name=site_0571]", force=True)
    page.click("main button.btn >> nth=0")
    check_sound(page, f"{look}-link")
    join = page.inner_text(".facts dd[dir=ltr]")
    context.close()
    invited = chromium.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=False, locale="en-GB"
    )
    page = invited.new_page()
    page.goto(join)
    secret = page.inner_text("b[dir=ltr]").replace(" ", "")
    page.fill("#password", PASSWORD)
    page.fill("#password_again", PASSWORD)
    page.fill("#one_time_code", code(secret, served))
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{look}-join.png", full_page=True)
    page.click("main button.btn")
    assert page.locator("ol.list li").count() == 10
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{look}-joined.png", full_page=True)
    invited.close()
