"""What a phone keeps of a form that is not open: it goes when it arrives, or long after nobody asked."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import product

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from app.web.urls import DEVICE_COOKIE
from tests.journeys.patients import Hospital, Patient, choose_option
from tests.page_time import take_turns
from tests.scenarios.people import START

ADD_TICKS = """() => {
  const key = Object.keys(localStorage).find((each) => !each.indexOf('ob:')), kept = localStorage[key];
  const box = JSON.parse(kept);
  localStorage[key] = JSON.stringify({...box, q: [...box.q, [2, 0, '!', -1], [3, 0, '?', -2]]});
  return [key, kept];
}"""
"""Adds something that is not ticked to the box, and something that is ticked and not answered."""
BOXES = "Object.keys(localStorage).filter(key => !key.indexOf('ob:')).length"
CUT = "() => { window.fetch = () => Promise.reject(new TypeError('no network')); }"
"""What a page sends while it is closed may get out although its browser is offline."""
TODAY = datetime.now(UTC)
"""The server's headers carry the real day, whatever the study's clock shows."""


def leave_behind(context: BrowserContext, patient: Patient) -> None:
    """The 29th answer waits on the phone, and its page is closed."""
    tab = patient.nearly_done(context)
    context.set_offline(True)
    choose_option(tab, 3)
    expect(tab.locator("#net")).to_contain_text("kept on this phone")
    tab.evaluate(CUT)
    tab.close()
    context.set_offline(False)


def at_home(context: BrowserContext, person: Patient) -> Page:
    """This person's home in the same browser, after it tried to deliver; the tab before is closed."""
    for before in context.pages:
        before.close()
    context.add_cookies([{"name": DEVICE_COOKIE, "value": person.person.cookie, "url": person.url}])
    tab = context.new_page()
    with tab.expect_response("**/late"):
        tab.goto(f"{person.url}/home")
    return tab


def expect_boxes(tab: Page, boxes: int) -> None:
    """The page has had its time with the answer, and so many boxes are on the phone."""
    take_turns(tab)
    tab.wait_for_function(f"{BOXES} === {boxes}")


def expect_deleted_on(context: BrowserContext, day: datetime, status: int = 404) -> None:
    """The server answers so on that day by its own clock."""

    def answer(route: Route) -> None:
        route.fulfill(status=status, headers={"Date": format_datetime(day.astimezone(UTC), usegmt=True)})

    context.unroute("**/late")
    context.route("**/late", answer)


def arrives(context: BrowserContext, patient: Patient) -> None:
    """The one it belongs to is here again: the answer arrives, and the phone forgets it."""
    tab = at_home(context, patient)
    expect(tab.locator("#unsent")).to_have_text("All answers sent")
    expect(tab.locator("#cards")).to_contain_text("29 of 30 answered")  # it was opened with 28
    expect_boxes(tab, 0)
    assert patient.events()[28:] == [("q29", 4)]


@pytest.mark.req("OFF-00", "OFF-03")
def test_another_one_s_answers_wait_until_they_are_here_again(
    context: BrowserContext, patient: Patient, served: Hospital
) -> None:
    leave_behind(context, patient)
    other = served.patient()
    for _ in range(2):
        tab = at_home(context, other)
        expect_boxes(tab, 1)
        expect(tab.locator("#unsent")).to_be_hidden()
    assert len(patient.events()) == 28
    arrives(context, patient)


@pytest.mark.req("OFF-00")
@pytest.mark.parametrize("wrong", [datetime(1970, 1, 3, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize("while_answering", [True, False], ids=["made", "seen"])
def test_no_wrong_clock_of_the_phone_lets_a_young_box_be_lost(
    context: BrowserContext, patient: Patient, served: Hospital, wrong: datetime, while_answering: bool
) -> None:
    context.clock.install(time=wrong if while_answering else START)
    leave_behind(context, patient)
    other = served.patient()
    for time in (START, wrong, START):
        context.clock.set_system_time(time)
        expect_boxes(at_home(context, other), 1)
    arrives(context, patient)


@pytest.mark.req("OFF-03")
def test_cached_forms_unused_for_a_hundred_days_are_deleted(
    context: BrowserContext, patient: Patient, served: Hospital
) -> None:
    leave_behind(context, patient)
    other = served.patient()
    for days, remaining in ((0, 1), (99, 1), (101, 0)):
        expect_deleted_on(context, TODAY + timedelta(days=days))
        expect_boxes(at_home(context, other), remaining)


@pytest.mark.req("OFF-00")
def test_any_other_refusal_deletes_nothing_however_old_it_is(
    context: BrowserContext, patient: Patient
) -> None:
    leave_behind(context, patient)
    expect_deleted_on(context, TODAY, 503)
    ticks = at_home(context, patient).evaluate(ADD_TICKS)
    for status, days in product((401, 403, 409, 422, 429, 500, 503), (0, 4000)):
        expect_deleted_on(context, TODAY + timedelta(days=days), status)
        tab = at_home(context, patient)
        case = f"{status} after {days} days"
        expect(tab.locator("#unsent"), case).to_contain_text("Answers not sent yet: 1.")
        assert tab.evaluate(BOXES) == 1, case
    context.pages[0].evaluate("([key, kept]) => { localStorage[key] = kept; }", ticks)
    context.unroute("**/late")
    arrives(context, patient)


@pytest.mark.req("OFF-00")
def test_what_the_server_takes_is_never_too_old(
    context: BrowserContext, patient: Patient, served: Hospital
) -> None:
    """A hundred days are over, but the one it belongs to comes first."""
    leave_behind(context, patient)
    expect_deleted_on(context, TODAY - timedelta(days=4000))
    expect_boxes(at_home(context, served.patient()), 1)
    context.unroute("**/late")
    arrives(context, patient)


@pytest.mark.req("OFF-00")
def test_a_server_without_a_clock_deletes_nothing(context: BrowserContext, patient: Patient) -> None:
    leave_behind(context, patient)
    context.route("**/late", lambda route: route.fulfill(status=404))
    for _ in range(2):
        expect_boxes(at_home(context, patient), 1)
    context.unroute("**/late")
    arrives(context, patient)
