"""The keyboard alone leads from the link to the thanks, and the focus is always in sight."""

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from tests.journeys.keyboard import Keyboard
from tests.journeys.patients import Hospital
from tests.scenarios.people import PIN

SMALL: ViewportSize = {"width": 360, "height": 560}
"""Low, so that the bar has something to cover."""
PLAIN = "chest_pain cough trouble_swallowing appetite nausea vomiting diarrhoea constipation".split()
REST = "skin_reaction rash numbness mouth_sores sleep low_mood".split()


def come_in(hand: Keyboard, link: str) -> None:
    """From the link to home: PIN, text size, practice."""
    tab = hand.tab
    tab.goto(link)
    hand.move("Tab")
    expect(tab.locator("a.skip")).to_be_focused()
    hand.enter(tab.locator("footer button"), "**/a/*")
    hand.type_into(tab.locator("[name=pin]"), PIN)
    hand.type_into(tab.locator("[name=pin_again]"), PIN)
    with tab.expect_navigation(url="**/welcome"):
        hand.press("Enter")
    hand.pick("[name=size]", downs=1)
    hand.enter(tab.locator("footer button"), "**/welcome/practice")
    expect(tab.locator("html")).to_have_class(" large")
    hand.pick("[name=weather]", downs=2)
    hand.pick("[name=reading]", downs=7)
    expect(tab.locator("[name=reading][value='7']")).to_be_checked()
    hand.to(tab.locator("[name=weather][value=rainy]"), key="Shift+Tab")
    hand.enter(tab.locator("footer button"), "**/home/ready")


def begin(hand: Keyboard, path: str) -> None:
    """From home to the first question of a form."""
    tab = hand.tab
    hand.enter(tab.locator(f"main .card a[href='{path}']"), "**/f/*")
    hand.pick("[name=who]", downs=1)
    hand.pick("[name=scribe]")
    hand.to(tab.locator("[name=who][value=scribe]"), key="Shift+Tab")
    hand.move("ArrowUp")
    expect(tab.locator("[name=who][value=self]")).to_be_checked()
    hand.to(tab.locator("footer button"))
    hand.press("Enter")
    tab.wait_for_selector("#f")


def at(tab: Page, item: str) -> None:
    expect(tab.locator(f"#s-{item}")).to_be_visible()
    expect(tab.locator(f"#s-{item} h1")).to_be_focused()


def choose(hand: Keyboard, item: str, downs: int = 0) -> None:
    """Answer the question in sight and go on."""
    at(hand.tab, item)
    hand.pick(f"#s-{item} [name={item}]", downs)
    hand.step()


def leave_blank(hand: Keyboard, item: str) -> None:
    """Next without an answer asks; the way out is a button."""
    at(hand.tab, item)
    hand.move("Tab")
    hand.step()
    expect(hand.tab.locator("#ask")).to_be_visible()
    hand.to(hand.tab.locator("#leave"))
    hand.press("Enter")


def answer_the_diary(hand: Keyboard) -> None:
    """Every kind of item: options, scales, a number; one blank, one taken back."""
    tab = hand.tab
    hand.pick("#s-any_symptom [name=any_symptom]", downs=1)
    hand.step()
    choose(hand, "fatigue", downs=4)
    at(tab, "pain")
    hand.to(tab.locator("#back"))
    hand.press("Enter")
    at(tab, "fatigue")
    hand.to(tab.locator("[name=fatigue][value='4']"))
    hand.move("ArrowRight")
    hand.to(tab.locator("#next"))
    hand.step()
    leave_blank(hand, "pain")
    for item in (*PLAIN[:2], "breathlessness", "blood_in_sputum", *PLAIN[2:]):
        choose(hand, item)
    choose(hand, "fever", downs=1)
    at(tab, "temperature")
    expect(tab.locator("#urgent")).to_be_hidden()
    hand.type_into(tab.locator("[name=temperature]"), "38.4")
    hand.move("Tab")
    expect(tab.locator("#urgent")).to_be_visible()
    hand.to(tab.locator("#urgent a"))
    hand.to(tab.locator("#next"))
    hand.step()
    for item in REST:
        choose(hand, item)


@pytest.mark.slow
@pytest.mark.req("CAP-10")
def test_from_the_link_to_the_thanks_by_keys_alone(context: BrowserContext, served: Hospital) -> None:
    guest, link = served.guest()
    guest.randomise()
    tab = context.new_page()
    tab.set_viewport_size(SMALL)
    hand = Keyboard(tab)
    come_in(hand, link)
    begin(hand, guest.form("D0").removeprefix(guest.url))
    answer_the_diary(hand)
    expect(tab.locator("#review h1")).to_be_focused()
    hand.to(tab.locator("#rows a[href='#s-cough']"))
    hand.press("Enter")
    at(tab, "cough")
    hand.pick("#s-cough [name=cough]", downs=2)
    hand.step()
    expect(tab.locator("#review")).to_be_visible()
    hand.to(tab.locator("#next"))
    hand.step()
    tab.wait_for_url("**/done")
    expect(tab.locator("h1")).to_be_focused()
    answers = guest.response("D0").answers
    assert (answers["fatigue"], answers["pain"], answers["fever"], answers["temperature"]) == (
        5,
        None,
        1,
        384,
    )
    assert answers["cough"] is not None
    expect(tab.locator("main .note a.btn")).to_have_attribute(
        "href", "tel:05715550000"
    )  # because of the fever
    hand.enter(tab.locator("footer a.btn[href='/home']"), "**/home")
