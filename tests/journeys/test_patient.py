"""A participant's whole way in a real browser: touch, keyboard only, and without JavaScript."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.i18n.formats import format_receipt
from tests.faces.participant_browsers import enrol_only, invite
from tests.journeys.invited import World, activate_in, check_accessible, open_first_question
from tests.journeys.patients import SIZE, Hospital, tap_next
from tests.page_time import forward_clock
from tests.scenarios.people import PIN, START, Person, with_symptom_list


@pytest.fixture
def world(served: Hospital) -> World:
    served.clock.at = START
    person = enrol_only(Person(served.installation, served.site, f"0571-{next(served.numbers):03}"))
    return World(served.url, served.clock, invite(served.app, person))


def answer_all_but_the_third(tab: Page) -> None:
    """The second option everywhere; the third question is left after it was asked again."""
    for number in range(1, 31):
        expect(tab.locator(f"#s-q{number}")).to_be_visible()
        if number == 3:
            tap_next(tab)
            expect(tab.locator("#leave")).to_be_visible()
            tab.locator("#leave").tap()
            continue
        tab.locator(f"#s-q{number} label.o").nth(1).tap()
        expect(tab.locator(f"#s-q{number}")).to_be_visible()
        tap_next(tab)
    expect(tab.locator("#review")).to_be_visible()


def change_the_fifth(tab: Page) -> None:
    """From the review to a question and back."""
    tab.locator("#rows a").nth(4).tap()
    expect(tab.locator("#s-q5")).to_be_visible()
    tab.locator("#s-q5 label.o").nth(3).tap()
    tap_next(tab)
    expect(tab.locator("#review")).to_be_visible()


@pytest.mark.slow
@pytest.mark.req("CAP-05", "CAP-06", "CAP-07", "CAP-08", "CAP-10", "CAP-14")
@pytest.mark.parametrize("lang", ["en", "zh_CN"])
def test_from_the_sheet_to_the_thanks(context: BrowserContext, world: World, lang: str) -> None:
    tab = context.new_page()
    faults: list[str] = []
    tab.on("pageerror", lambda fault: faults.append(str(fault)))
    tab.goto(world.link)
    with tab.expect_navigation():
        tab.locator(f"main form.lang button[value={lang}]").tap()
    check_accessible(tab)
    activate_in(tab, world)
    check_accessible(tab)
    open_first_question(tab)
    assert world.phone.person.row().language == lang
    expect(tab.locator("html")).to_have_attribute("lang", "zh-Hans" if lang == "zh_CN" else "en")
    check_accessible(tab)
    answer_all_but_the_third(tab)
    check_accessible(tab)
    change_the_fifth(tab)
    tap_next(tab)
    tab.wait_for_url("**/done")
    check_accessible(tab)
    row = world.response()
    assert (row.answers["q1"], row.answers["q3"], row.answers["q5"], row.language) == (2, None, 4, lang)
    assert row.presentation == {"layout": "single", "width": 360, "theme": "light", "text_size": "standard"}
    assert row.device_at is not None
    assert world.events().count(("q5", 2)) == 1
    assert len(world.events()) == 31
    assert format_receipt(row.public_id) in tab.inner_text("main")
    for path in ("/home", "/sent", "/settings", "/help", f"/f/{world.phone.slot()}"):
        tab.goto(world.url + path)
        check_accessible(tab)
    assert faults == []
    assert context.storage_state()["origins"] == []


@pytest.mark.req("CAP-14")
def test_two_tabs_make_one_response(context: BrowserContext, world: World) -> None:
    first = context.new_page()
    activate_in(first, world)
    open_first_question(first)
    slot = world.phone.slot()
    tabs = [context.new_page() for _ in range(2)]
    for tab in tabs:
        tab.goto(f"{world.url}/f/{slot}")
        for number in range(1, 31):
            tab.evaluate(f"document.querySelector('#s-q{number} input[value=\"2\"]').checked = true")
        field = "<input type=hidden name=reviewed value=1>"
        tab.evaluate(f"document.querySelector('#f').insertAdjacentHTML('beforeend', '{field}')")
    for tab in tabs:
        tab.evaluate("HTMLFormElement.prototype.submit.call(document.getElementById('f'))")
    for tab in tabs:
        tab.wait_for_url("**/done")
    assert world.response().version == 1


@pytest.mark.req("CAP-10")
def test_the_keyboard_alone_is_enough(context: BrowserContext, world: World) -> None:
    world.phone.person.randomise(date(2026, 3, 2), START)
    tab = context.new_page()
    activate_in(tab, world)
    tab.goto(f"{world.url}/f/{world.phone.slot('D0')}")
    tab.locator("[name=who][value=self]").focus()
    tab.keyboard.press("Space")
    tab.keyboard.press("Enter")
    expect(tab.locator("#s-any_symptom")).to_be_visible()
    tab.locator("#s-any_symptom input").first.focus()
    tab.keyboard.press("Space")
    forward_clock(tab)
    tab.keyboard.press("Enter")
    expect(tab.locator("#review")).to_be_visible()
    expect(tab.locator("#review h1")).to_be_focused()
    for _ in range(10):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.id") == "next":
            break
    forward_clock(tab)
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/done")
    assert world.response().answers == {"any_symptom": 0}


@pytest.mark.req("CAP-10")
def test_without_javascript_a_form_is_filled_reviewed_and_submitted(chromium: Browser, world: World) -> None:
    context = chromium.new_context(viewport=SIZE, java_script_enabled=False, locale="en-GB")
    tab = context.new_page()
    activate_in(tab, world)
    open_first_question(tab)
    expect(tab.locator("#s-q30")).to_be_visible()
    tab.locator("#s-q1 label.o").nth(2).click()
    tab.locator("button[value=save]").click()
    expect(tab.locator("main")).to_contain_text("Your answers are saved. You can carry on later.")
    tab.locator("main a.btn").first.click()
    expect(tab.locator("#s-q1 input[value='3']")).to_be_checked()
    for number, lang in enumerate(("zh_CN", "en"), start=2):
        tab.locator(f"#s-q{number} label.o").nth(1).click()  # goes along, though it was not saved
        tab.locator(f"header button[value={lang}]").click()
        tab.locator("footer button").click()  # the answers stay: it is asked first
        for answered, value in ((1, 3), (number, 2)):
            expect(tab.locator(f"#s-q{answered} input[value='{value}']")).to_be_checked()
    for number in range(4, 30):
        tab.locator(f"#s-q{number} label.o").nth(1).click()
    tab.locator("button[value=send]").click()
    expect(tab.locator(".note.sum")).to_contain_text("Question 30")
    world.clock.forward(minutes=30)
    tab.locator("#s-q30 label.o", has_text="Skip this question").click()
    tab.locator("button[value=send]").click()
    expect(tab.locator("h1")).to_have_text("You were away for a while")
    tab.fill("[name=pin]", PIN)
    tab.locator("footer button").click()
    expect(tab.locator("h1")).to_have_text("Check your answers")
    tab.locator("button[value=send]").click()
    tab.wait_for_url("**/done")
    answers = world.response().answers
    assert (answers["q1"], answers["q2"], answers["q30"]) == (3, 2, None)
    tab.go_back()  # the review is no answer to a POST, which a browser would not show again
    expect(tab.locator("h1")).to_have_text("This form was already sent")
    context.close()


def test_the_language_changes_in_the_middle_and_nothing_is_lost(
    context: BrowserContext, world: World
) -> None:
    tab = context.new_page()
    activate_in(tab, world)
    open_first_question(tab)
    for _ in range(2):
        tab.locator("section.on label.o").nth(3).tap()
        tap_next(tab)
    expect(tab.locator("#s-q3")).to_be_visible()
    tab.locator("header button[value=zh_CN]").tap()
    tab.locator("footer button").tap()  # the answers stay: it is asked first
    tab.wait_for_selector("html[lang=zh-Hans]")
    expect(tab.locator("#s-q3")).to_be_visible()
    tab.locator("#back").tap()
    expect(tab.locator("#s-q2 input[value='4']")).to_be_checked()
    assert re.search("第 2 题", tab.locator("#pos").inner_text())


def test_an_idle_form_keeps_its_answers_until_the_pin_is_typed(context: BrowserContext, world: World) -> None:
    tab = context.new_page()
    activate_in(tab, world)
    open_first_question(tab)
    world.clock.forward(minutes=20)
    tab.locator("#s-q1 label.o").nth(1).tap()
    expect(tab.locator("#login")).to_be_visible()
    tab.locator("#login a").tap()
    tab.fill("[name=pin]", PIN)
    with tab.expect_response("**/answers"):
        tab.locator("footer button").last.click()
    expect(tab.locator("#s-q2")).to_be_visible()
    assert world.events() == [("q1", 2)]


def test_a_fever_says_call_now(context: BrowserContext, world: World, tmp_path: Path) -> None:
    world.phone.person.randomise(date(2026, 3, 2), START)
    tab = context.new_page()
    activate_in(tab, world)
    tab.goto(f"{world.url}/f/{world.phone.slot('D0')}")
    tab.check("[name=who][value=self]")
    tab.locator("footer button").click()
    tab.locator("#s-any_symptom label.o").nth(1).tap()
    for _ in range(25):
        if tab.locator("#s-fever").is_visible():
            break
        forward_clock(tab)
        tab.locator("#next").tap()
        if tab.locator("#leave").is_visible():
            tab.locator("#leave").tap()
    tab.locator("#s-fever label.o").nth(1).tap()
    tap_next(tab)
    tab.fill("[name=temperature]", "38,9")
    tab.locator("[name=temperature]").blur()
    expect(tab.locator("#urgent")).to_be_visible()
    expect(tab.locator("#urgent a")).to_have_attribute("href", "tel:05715550000")
    check_accessible(tab)
    assert tab.screenshot(path=str(tmp_path / "urgent.png"))


@pytest.fixture
def listing(served: Hospital) -> Iterator[World]:
    """Somebody of a study whose diary begins with a list."""
    plain = served.installation
    served.clock.at = START
    served.app.state.installation = with_symptom_list(plain)
    person = Person(served.app.state.installation, served.site, f"0571-{next(served.numbers):03}")
    yield World(served.url, served.clock, invite(served.app, enrol_only(person)))
    served.app.state.installation = plain


@pytest.mark.req("CAP-06")
def test_a_diary_takes_four_taps_without_symptoms_and_six_with_one(
    context: BrowserContext, listing: World
) -> None:
    """From home to thanks, once it is known who fills it in; on the first day that is two taps more."""
    listing.phone.person.randomise(date(2026, 3, 2), START)
    tab = context.new_page()
    activate_in(tab, listing)
    tab.goto(f"{listing.url}/f/{listing.phone.slot('D0')}")
    tab.check("[name=who][value=self]")
    tab.locator("footer button").click()
    assert fill_in_a_list(tab) == 3
    for symptoms, taps in (((), 4), (("Coughing up blood",), 6)):
        listing.clock.forward(days=1)
        tab.goto(f"{listing.url}/home")
        tab.fill("[name=pin]", PIN)
        tab.locator("footer button").last.click()
        expect(tab.locator("main")).to_contain_text("You fill this in by yourself.")
        tab.locator(".card form button").first.tap()
        assert 1 + fill_in_a_list(tab, *symptoms) == taps
    call = tab.locator(
        "main .err a.btn"
    )  # the thanks came into the form's document, which has its own styles
    expect(call).to_have_text("Call 0571\u20115550000")
    check_accessible(tab)
    assert call.evaluate("a => [a.offsetWidth > 280, getComputedStyle(a).color]") == [
        True,
        "rgb(255, 255, 255)",
    ]


def fill_in_a_list(tab: Page, *symptoms: str) -> int:
    """From the list to the thanks; how many taps it took."""
    expect(tab.locator("#s-any_symptom")).to_be_visible()
    taps = 0
    for words in symptoms or ("None of these",):
        tab.locator("#s-any_symptom .o").get_by_text(words, exact=True).tap()
        forward_clock(tab)
        tab.locator("#next").tap()
        taps += 2
    for _ in symptoms:
        tab.locator(".q.on .o:not(.no-js)").nth(4).tap()
        forward_clock(tab)
        tab.locator("#next").tap()
        taps += 2
    expect(tab.locator("#review")).to_contain_text("You fill this in by yourself. Change")
    check_accessible(tab)
    forward_clock(tab)
    tab.locator("#next").tap()
    tab.wait_for_url("**/done")
    return taps + 1
