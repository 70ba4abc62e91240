"""Old and crippled browsers still fill in and send a form, against the real application."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.journeys.patients import SIZE, Patient, answer_last_two, tap_next
from tests.scenarios.people import PIN, qlq


def send_as_long_form(tab: Page, patient: Patient) -> None:
    """The plain form from its beginning: everything at once, saved, checked, sent."""
    patient.begin(tab)
    expect(tab.locator("fieldset:visible")).to_have_count(30)
    for number in range(1, 31):
        tab.locator(f"#s-q{number} input[value='2']").check(force=True)
    tab.locator("button[value=send]").click()
    expect(tab.locator("h1")).to_have_text("Check your answers")
    tab.locator("button[value=send]").click()
    tab.wait_for_url("**/done")
    assert patient.response().answers == qlq(2)


@pytest.mark.req("CAP-20")
@pytest.mark.parametrize("missing", ["window.fetch", "Element.prototype.closest", "window.URLSearchParams"])
def test_a_browser_without_what_the_runner_needs_gets_the_long_form(
    context: BrowserContext, patient: Patient, missing: str
) -> None:
    context.add_init_script(f"delete {missing}; {missing} = undefined")
    faults: list[str] = []
    context.on("weberror", lambda fault: faults.append(str(fault.error)))
    send_as_long_form(patient.bind(context), patient)
    assert faults == []


@pytest.mark.req("CAP-20")
def test_a_form_is_submitted_without_stylesheets(context: BrowserContext, patient: Patient) -> None:
    context.route("**/*.css", lambda route: route.abort())
    context.route("**/f/*", _without_style)
    tab = patient.nearly_done(context)
    assert tab.evaluate("document.styleSheets.length") == 0
    # Without style every question is in sight; Next still leads from one to the next.
    for number in (29, 30):
        tab.locator(f"#s-q{number} input[value='2']").check()
        tap_next(tab)
    tap_next(tab)
    tab.wait_for_url("**/done")
    assert patient.response().answers == qlq(2)


def _without_style(route: Route) -> None:
    answer = route.fetch()
    body = answer.text()
    route.fulfill(response=answer, body=body[: body.index("<style>")] + body[body.index("</style>") + 8 :])


@pytest.mark.req("CAP-20")
def test_a_form_is_submitted_with_other_scripts_blocked(context: BrowserContext, patient: Patient) -> None:
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    context.route("**/*.js", lambda route: route.abort())
    tab = patient.nearly_done(context)
    answer_last_two(tab)
    tap_next(tab)
    tab.wait_for_url("**/done")
    assert not [url for url in requests if "htmx" in url]
    assert patient.response().answers == qlq(2)


@pytest.mark.req("CAP-20")
def test_without_javascript_the_pin_the_language_and_leaving_work(
    chromium: Browser, patient: Patient
) -> None:
    with chromium.new_context(viewport=SIZE, java_script_enabled=False, locale="en-GB") as context:
        tab = patient.bind(context)
        tab.goto(f"{patient.url}/settings")
        tab.locator("main button[value=zh_CN]").click()
        expect(tab.locator("html")).to_have_attribute("lang", "zh-Hans")
        tab.locator("main button[value=en]").click()
        patient.clock.forward(minutes=30)
        tab.goto(f"{patient.url}/home")
        tab.fill("[name=pin]", PIN)
        tab.locator("footer button").click()
        expect(tab.locator("h1")).to_have_text("My forms")
        for path in ("/sent", "/help"):
            tab.goto(patient.url + path)
            expect(tab.locator("h1")).to_be_visible()
        tab.goto(f"{patient.url}/settings")
        tab.locator("main a[href='/settings/leave']").click()
        tab.locator("footer button").click()
        tab.goto(f"{patient.url}/home")
        expect(tab.locator("h1")).not_to_have_text("My forms")
