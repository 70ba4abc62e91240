"""From the sheet to home in a real browser: language, PIN, text size, practice; few taps, nothing for axe."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.storage.queries.participants import get_site_by_code, get_study
from tests.applications import Clock, application
from tests.axe import find_violations
from tests.faces.participant_browsers import Phone, enrol_only, invite, set_up_study
from tests.scenarios.people import PIN, START, Person
from tests.servers import free_socket, serve_application, socket_address

MOST_TAPS = 8
"""From scanning the sheet to the home page; the digits of PIN or date are not counted."""


@dataclass
class Hand:
    """One browser tab, and how often it was tapped."""

    tab: Page
    taps: int = 0

    def tap(self, target: Locator) -> None:
        self.taps += 1
        target.tap()

    def tap_on(self, target: Locator, address: str) -> None:
        """Tap what leads to another page, which must be sound."""
        with self.tab.expect_navigation(url=address):
            self.tap(target)
        assert find_violations(self.tab) == []
        assert self.tab.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.fixture
def served_phones(migrated_sqlite_url: str) -> Iterator[tuple[str, list[Phone]]]:
    """A served application and two people who hold links."""
    clock, listener = Clock(START), free_socket()
    app = application(migrated_sqlite_url, clock, DAYBOOK_PUBLIC_URL=socket_address(listener))
    installation = set_up_study(app)
    with installation.read() as session:
        site = get_site_by_code(session, get_study(session, "sbrt-nsclc").id, "0571")
    people = [Person(installation, site, f"0571-00{number}") for number in (1, 2)]
    phones = [invite(app, enrol_only(person)) for person in people]
    with serve_application(app, listener) as url:
        yield url, phones


@pytest.mark.slow
@pytest.mark.req("IAM-10", "CAP-10")
def test_from_the_sheet_to_home(chromium: Browser, served_phones: tuple[str, list[Phone]]) -> None:
    url, phones = served_phones
    for phone, lang, words in zip(phones, ("en", "zh_CN"), ("Sunny", "晴天"), strict=True):
        context = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
        hand = Hand(context.new_page())
        hand.tab.goto(f"{url}/a/{phone.link}")
        walk(hand, lang, words)
        assert hand.taps <= MOST_TAPS
        row = phone.person.row()
        assert (row.language, row.text_size.value) == (lang, "large")
        context.close()


def walk(hand: Hand, lang: str, words: str) -> None:
    """The whole way, with every choice made and nothing skipped."""
    tab = hand.tab
    hand.tap_on(tab.locator(f"main form.lang button[value={lang}]"), "**/a/*")
    hand.tap_on(tab.locator("footer button"), "**/a/*")
    for name in ("pin", "pin_again"):
        tab.fill(f"[name={name}]", PIN)
    hand.tap_on(tab.locator("footer .btn"), "**/welcome")
    hand.tap(tab.locator("label.at-large"))
    hand.tap_on(tab.locator("footer button"), "**/welcome/practice")
    expect(tab.locator("html")).to_have_class(" large")
    hand.tap(tab.get_by_text(words))
    hand.tap(tab.locator(".row label").nth(7))
    hand.tap_on(tab.locator("footer button"), "**/home/ready")
