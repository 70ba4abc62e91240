"""What goes wrong on a telephone, against the real application: nothing given is lost, nothing is claimed."""

from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.journeys.patients import (
    Patient,
    answer_last_two,
    choose_option,
    speak_chinese,
    tap_next,
    wait_for_paint,
)
from tests.page_time import forward_clock
from tests.scenarios.people import START, qlq

SLOW_3G = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}


@pytest.mark.req("CAP-05", "CAP-06")
def test_next_works_from_the_first_paint_on(context: BrowserContext, patient: Patient) -> None:
    """The button may be seen before the script is there: it must not be dead."""
    tab = patient.bind(context)
    patient.begin(tab)
    network = context.new_cdp_session(tab)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", SLOW_3G)
    tab.goto(patient.form(), wait_until="commit")
    wait_for_paint(tab)
    tab.locator("#next").tap(no_wait_after=True)
    expect(tab.locator("#ask:visible, .note.sum:visible").first).to_be_visible()


@pytest.mark.req("OFF-00", "OFF-01")
@pytest.mark.parametrize(
    ("lang", "words"), [("en", "No connection"), ("zh_CN", "没有网络")], ids=["en", "zh_CN"]
)
def test_a_failing_server_is_announced_and_gets_the_answers_later(
    context: BrowserContext, patient: Patient, lang: str, words: str
) -> None:
    tab = patient.bind(context)
    patient.begin(tab)
    if lang == "zh_CN":
        speak_chinese(tab)
    context.route("**/answers", lambda route: route.fulfill(status=503))
    choose_option(tab, 1)
    expect(tab.locator("#net")).to_contain_text(words)
    assert patient.events() == []
    tap_next(tab)
    expect(tab.locator("#s-q2")).to_be_visible()
    context.unroute("**/answers")
    choose_option(tab, 2)
    expect(tab.locator("#net")).not_to_contain_text(words)
    assert patient.events() == [("q1", 2), ("q2", 3)]


@pytest.mark.req("CAP-14")
@pytest.mark.parametrize(
    ("lang", "words"), [("en", "already sent"), ("zh_CN", "已经提交")], ids=["en", "zh_CN"]
)
def test_a_form_submitted_on_another_phone_stops_here(
    context: BrowserContext, patient: Patient, lang: str, words: str
) -> None:
    tab = patient.bind(context)
    patient.begin(tab)
    if lang == "zh_CN":
        speak_chinese(tab)
    patient.person.submit("BL", START, qlq(4))
    choose_option(tab, 1)
    expect(tab.locator("h1:visible")).to_contain_text(words)
    expect(tab.locator("#next")).to_be_hidden()
    assert patient.response().answers["q1"] == 4


def test_answers_of_two_tabs_are_both_stored(context: BrowserContext, patient: Patient) -> None:
    first = patient.nearly_done(context)
    second = context.new_page()
    second.goto(patient.form())
    choose_option(first, 0)
    tap_next(first)
    choose_option(first, 0)
    second.bring_to_front()
    choose_option(second, 3)
    tap_next(second)
    choose_option(second, 3)
    tap_next(second)
    expect(second.locator("#review")).to_be_visible()
    tap_next(second)
    second.wait_for_url("**/done")
    first.bring_to_front()
    choose_option(first, 1)
    expect(first.locator("h1:visible")).to_have_text("This form was already sent")
    answers = patient.response().answers
    assert (answers["q29"], answers["q30"]) == (4, 4)
    assert set(patient.events()[28:]) == {("q29", 1), ("q30", 1), ("q29", 4), ("q30", 4)}


@pytest.mark.parametrize("wrong", [timedelta(days=1), timedelta(days=-1)], ids=["fast", "slow"])
def test_a_phone_s_wrong_clock_moves_no_form(
    context: BrowserContext, patient: Patient, wrong: timedelta
) -> None:
    context.clock.install(time=START + wrong)
    tab = patient.nearly_done(context)
    answer_last_two(tab)
    tap_next(tab)
    tab.wait_for_url("**/done")
    response = patient.response()
    assert response.submitted_at == START
    assert not response.out_of_window
    assert response.device_at is not None
    assert abs(response.device_at - START - wrong) < timedelta(minutes=5)


def test_a_browser_without_storage_can_submit(context: BrowserContext, patient: Patient) -> None:
    denied = "{ get: function () { throw new DOMException('denied', 'SecurityError'); } }"
    for name in ("localStorage", "sessionStorage", "indexedDB"):
        context.add_init_script(f"Object.defineProperty(window, '{name}', {denied})")
    faults: list[str] = []
    context.on("weberror", lambda fault: faults.append(str(fault.error)))
    tab = patient.nearly_done(context)
    answer_last_two(tab)
    tap_next(tab)
    tab.wait_for_url("**/done")
    assert patient.response().answers == qlq(2)
    assert faults == []


def test_cookies_dropped_between_visits_lose_no_answer(context: BrowserContext, patient: Patient) -> None:
    tab = patient.bind(context)
    patient.begin(tab)
    choose_option(tab, 3)
    tap_next(tab)
    expect(tab.locator("#s-q2")).to_be_visible()
    context.clear_cookies()
    tab.goto(patient.form())
    expect(tab.locator("main")).to_contain_text("call")
    assert "q1" not in tab.content()
    back = patient.bind(context)
    back.goto(patient.form())
    expect(back.locator("#s-q2")).to_be_visible()
    expect(back.locator("#s-q1 input[value='4']")).to_be_checked()


@pytest.mark.req("CAP-12")
def test_a_condition_is_decided_again_by_the_server(context: BrowserContext, patient: Patient) -> None:
    patient.randomise()
    tab = patient.bind(context)
    patient.begin(tab, "D0")
    choose_option(tab, 1)
    tap_next(tab)
    choose_option(tab, 5)
    tap_next(tab)
    tab.locator("#back").tap()
    tab.locator("#back").tap()
    expect(tab.locator("#s-any_symptom")).to_be_visible()
    choose_option(tab, 0)
    tap_next(tab)
    expect(tab.locator("#review")).to_be_visible()
    # The phone's own judgement is not asked: it sends the answer that no longer applies.
    assert tab.evaluate("new FormData(document.getElementById('f')).get('fatigue')") == "5"
    tap_next(tab)
    tab.wait_for_url("**/done")
    assert patient.response("D0").answers == {"any_symptom": 0}
    assert ("fatigue", 5) in patient.events("D0")


@pytest.mark.req("CAP-06")
def test_the_browser_s_back_and_forward_walk_the_questions_and_lead_home(
    context: BrowserContext, patient: Patient
) -> None:
    tab = patient.bind(context)
    tab.goto(f"{patient.url}/home")
    patient.begin(tab)
    for number in (1, 2):
        expect(tab.locator(f"#s-q{number}")).to_be_visible()
        choose_option(tab, 3)
        tap_next(tab)
    expect(tab.locator("#s-q3")).to_be_visible()
    tab.go_back()
    expect(tab.locator("#s-q2")).to_be_visible()
    tab.go_forward()
    expect(tab.locator("#s-q3")).to_be_visible()
    tab.go_back()
    tab.go_back()
    expect(tab.locator("#s-q1 input[value='4']")).to_be_checked()
    tab.locator("#back").tap()
    tab.wait_for_url("**/home")
    assert patient.events() == [("q1", 4), ("q2", 4)]


@pytest.mark.req("CAP-05", "CAP-14")
def test_double_taps_neither_skip_a_question_nor_send_twice(
    context: BrowserContext, patient: Patient
) -> None:
    tab = patient.nearly_done(context)
    forward_clock(tab)
    tab.locator("#next").dblclick()
    expect(tab.locator("#ask")).to_be_visible()
    expect(tab.locator("#s-q29")).to_be_visible()
    choose_option(tab, 1)
    forward_clock(tab)
    tab.locator("#next").dblclick()
    expect(tab.locator("#s-q30")).to_be_visible()
    expect(tab.locator("#ask")).to_be_hidden()
    choose_option(tab, 1)
    tap_next(tab)
    submissions: list[str] = []
    tab.on("request", lambda request: submissions.append(request.url) if "submit" in request.url else None)
    forward_clock(tab)
    tab.locator("#next").dblclick()
    tab.wait_for_url("**/done")
    assert len(submissions) == 1
    assert patient.response().answers == qlq(2)
