"""The lists of the desk while things go wrong, and on paper: the focus, what is said, who printed it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.domain.records.access import Role
from app.services.core.context import ParticipantContext
from app.services.patient.team_requests import request_call
from tests.axe import find_violations
from tests.journeys.desk import A4_WIDTH, ServedDesk, check_fits, serve_desk
from tests.scenarios.people import START, days, enrol_person

EMAIL = "li.na@example.org"
PRINTED = re.compile(r"^Li Na · \d+ March 2026, \d\d:\d\d \(UTC\+08:00\)$")
SUBJECTS = ("0571-001", "0571-002", "0571-003")


@pytest.fixture
def served(migrated_sqlite_url: str) -> Iterator[ServedDesk]:
    """Eight days after three people of one site asked for a call; an investigator of two sites."""
    with serve_desk(migrated_sqlite_url) as desk:
        site = desk.open_site("0571")
        desk.open_site("0021")
        for subject in SUBJECTS:
            person = enrol_person(desk.installation, site, subject)
            request_call(ParticipantContext(desk.installation, person.participant(START), START))
        desk.hire(EMAIL, "Li Na", Role.INVESTIGATOR, "0571", "0021")
        desk.clock.at = START + days(8)
        yield desk


def log_call(page: Page, subject: str, outcome: str, *, settles: bool) -> None:
    """From the row of somebody, to the list after it."""
    page.locator("#work tbody tr").filter(has_text=subject).locator("[data-log]").click()
    page.check(f"tr.under [name=outcome][value={outcome}]")
    if settles:
        page.check("tr.under [name=answers_call]")
    page.click("text=Save the contact")
    expect(page.locator("main .note[role=status]")).to_have_text("Contact logged.")


@pytest.mark.slow
def test_the_focus_goes_on_in_its_row_and_news_are_said_once(chromium: Browser, served: ServedDesk) -> None:
    """The call of the middle row is noted, which stays; then it is settled, and the row leaves."""
    context = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 400})
    page = served.come_in(context, EMAIL)
    log_call(page, SUBJECTS[1], "no_answer", settles=False)
    expect(page.locator("[data-open]").nth(1)).to_be_focused()
    said = page.locator("main .note[role=status]")
    expect(said).to_be_in_viewport()  # also far below the top of the list
    expect(page.locator("#found")).to_have_text("Contact logged.")
    assert "done=" not in page.url
    page.reload()
    expect(said).to_have_count(0)
    log_call(page, SUBJECTS[1], "reached_will_do", settles=True)
    expect(page.locator("#work tbody")).not_to_contain_text(SUBJECTS[1])
    expect(page.locator("[data-open]").filter(has_text=SUBJECTS[2])).to_be_focused()
    assert page.evaluate("Object.keys(sessionStorage)") == []
    context.close()


@pytest.mark.slow
def test_a_failure_stays_until_it_is_closed_and_gives_the_focus_back(
    chromium: Browser, served: ServedDesk
) -> None:
    context = chromium.new_context(locale="en-GB")
    page = served.come_in(context, EMAIL)
    busy = """() => { window.busy = []; const list = document.querySelector('#worklist');
        new MutationObserver(() => window.busy.push(list.getAttribute('aria-busy')))
            .observe(list, {attributes: true, attributeFilter: ['aria-busy']}); }"""
    page.evaluate(busy)
    failed, site = page.locator("#failed"), page.locator("#site")
    site.focus()
    for button, answered in (("Close", "0571"), ("Try again", "0021")):
        context.set_offline(True)
        site.select_option(answered)
        expect(failed).to_contain_text("could not be loaded")
        assert find_violations(page) == []
        context.set_offline(False)
        failed.get_by_role("button", name=button).click()
        expect(failed).to_be_empty()
        expect(site).to_be_focused()
    expect(page).to_have_url(re.compile("site=0021"))
    expect(page.locator("#worklist")).not_to_have_attribute("aria-busy", "true")
    assert "true" in page.evaluate("window.busy")
    context.close()


@pytest.mark.slow
def test_whoever_works_is_not_warned_of_idleness(chromium: Browser, served: ServedDesk) -> None:
    """A request for a part of the list keeps the session awake, so that the warning begins anew."""
    context = chromium.new_context(locale="en-GB")
    page = served.come_in(context, EMAIL)
    page.clock.install()
    page.reload()
    page.clock.fast_forward("27:00")
    page.select_option("#site", "0021")
    expect(page.locator("#found")).to_have_text("0 participants")
    page.clock.fast_forward("02:00")
    expect(page.locator("#idle")).to_be_hidden()
    page.clock.fast_forward("26:30")
    expect(page.locator("#idle")).to_be_visible()
    context.close()


@pytest.mark.slow
def test_paper_says_who_printed_what_of_it_and_when(chromium: Browser, served: ServedDesk) -> None:
    context = chromium.new_context(locale="en-GB", viewport={"width": A4_WIDTH, "height": 900})
    page = served.come_in(context, EMAIL)
    log_call(page, SUBJECTS[0], "no_answer", settles=False)
    person = page.locator("[data-open]").first.get_attribute("href")
    page.emulate_media(media="print")
    for path, chosen, other in (
        ("/desk?reason=call&site=0571", "0571", "All languages"),
        ("/desk/participants?site=0571&q=0571-00", "0571-00", "Clear filters"),
        ("/desk/trail?participant=0571-001", "0571-001", "All types"),
        (f"{person}/history?kind=contacts", "History of 0571-001\nContacts\n", "Everything"),
        (f"{person}/scores", "Scores of 0571-001", "History"),
    ):
        page.goto(served.address + path)
        check_fits(page)
        expect(page.get_by_text(PRINTED)).to_be_visible()
        shown = page.locator("main").inner_text() + " ".join(
            page.eval_on_selector_all(
                ".filters :is(input, select)", "all => all.filter(x => x.offsetHeight).map(x => x.value)"
            )
        )
        assert chosen in shown, path
        assert other not in shown, path
        assert page.locator("main .unprinted:visible").count() == 0
    page.goto(f"{served.address}/desk?reason=&site=")
    moment = page.locator("#work time").first
    assert moment.get_attribute("title") == "UTC+08:00"
    after = "each => getComputedStyle(each, '::after').content"
    assert "attr(title)" in moment.evaluate(after) or "UTC+08:00" in moment.evaluate(after)
    context.close()
