"""An administrator invites somebody in a real browser, who sets up their sign-in; every page is sound."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from app.domain.records.access import Role
from tests.journeys.desk import PASSWORD, ServedDesk, check_sound, serve_desk
from tests.scenarios.staff_desk import totp_code

EMAIL = "boss@example.org"
SHOTS = os.environ.get("PEOPLE_SHOTS", "")
"""A folder for pictures of every page, for who wants to look at them."""


@pytest.fixture
def served(migrated_sqlite_url: str) -> Iterator[ServedDesk]:
    """A site with a nurse, and the administrator of the study."""
    with serve_desk(migrated_sqlite_url) as desk:
        desk.open_site("0571")
        desk.hire(EMAIL, "Wang Fang", Role.ADMIN, None)
        desk.hire("li.na@example.org", "Li Na", Role.NURSE, "0571")
        yield desk


def check_page(page: Page, name: str) -> None:
    """The page is sound, and there is a picture of it for who wants one."""
    picture(page, name)
    check_sound(page)


def picture(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@pytest.mark.slow
@pytest.mark.req("IAM-01", "IAM-11")
@pytest.mark.parametrize(("width", "language"), [(360, "zh_CN"), (1280, "en")])
def test_the_administrator_s_pages_are_sound(
    chromium: Browser, served: ServedDesk, width: int, language: str
) -> None:
    look, size = f"{width}-{language}", ViewportSize(width=width, height=800)
    with chromium.new_context(viewport=size, locale="en-GB") as context:
        page = served.sign_in(context, EMAIL)
        if language == "zh_CN":
            page.click("form[action='/desk/language'] button")
        for path in ("people/2", "people", "access-review", "roles", "sites", "sites/1", "account"):
            page.goto(f"{served.address}/desk/{path}")
            page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
            check_page(page, f"{look}-{path.replace('/', '-')}")
        for path in ("plan", "plan/versions", "plan/simulation"):
            page.goto(f"{served.address}/desk/{path}")
            check_page(page, f"{look}-{path.replace('/', '-')}")
        link = invite_by_page(page, f"{served.address}/desk/people/invite", look)
    with chromium.new_context(viewport=size, java_script_enabled=False, locale="en-GB") as invited:
        set_up_sign_in(invited.new_page(), link, served.clock.at, look)


def invite_by_page(page: Page, form: str, look: str) -> str:
    """Invite a nurse, at first without a role, which is asked then; the link that she gets."""
    page.goto(form)
    for name, value in (("name", "Zhao Min"), ("email", "zhao@example.org"), ("reason", "new nurse")):
        page.fill(f"#{name}", value)
    page.click("main button.btn >> nth=0")
    check_page(page, f"{look}-invite")
    assert page.input_value("#reason") == "new nurse"
    page.check("[name=role_nurse]", force=True)
    page.check("[name=site_0571]", force=True)
    page.click("main button.btn >> nth=0")
    check_page(page, f"{look}-link")
    return page.inner_text(".facts dd[dir=ltr]")


def set_up_sign_in(page: Page, link: str, at: datetime, look: str) -> None:
    """Choose a password and scan the second factor; ten recovery codes are shown."""
    page.goto(link)
    secret = page.inner_text("b[dir=ltr]").replace(" ", "")
    page.fill("#password", PASSWORD)
    page.fill("#password_again", PASSWORD)
    page.fill("#one_time_code", totp_code(secret, at))
    picture(page, f"{look}-join")
    page.click("main button.btn")
    assert page.locator("ol.list li").count() == 10
    picture(page, f"{look}-joined")
