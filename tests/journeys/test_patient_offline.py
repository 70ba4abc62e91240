"""Answers given without a connection, and a session that ends while they wait: all of them arrive, once."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.journeys.patients import SIZE, Patient, answer_last_two, choose_option, speak_chinese, tap_next
from tests.scenarios.people import PIN, qlq

NOT_SENT = {"en": "Open this page again when you have a connection.", "zh-Hans": "有网络时请再打开这一页。"}
WAITING = "Object.keys(localStorage).filter(key => !key.indexOf('ob:')).length"


def waiting(tab: Page) -> int:
    """How many outboxes the phone keeps."""
    return int(tab.evaluate(WAITING))


def unlock(tab: Page) -> None:
    tab.fill("[name=pin]", PIN)
    with tab.expect_navigation():
        tab.locator("footer button").click()


def send_in_vain(tab: Page) -> None:
    """Press Send without a connection; the page says that nothing was sent."""
    tap_next(tab)
    expect(tab.locator("#net")).to_contain_text(NOT_SENT[str(tab.locator("html").get_attribute("lang"))])


@pytest.mark.req("OFF-01")
@pytest.mark.parametrize(
    ("lang", "link"), [("en", "Please confirm it is you"), ("zh_CN", "请确认是您本人")], ids=["en", "zh_CN"]
)
def test_a_session_that_ended_is_taken_up_in_the_same_tab_with_every_answer(
    context: BrowserContext, patient: Patient, lang: str, link: str
) -> None:
    tab = patient.nearly_done(context)
    if lang == "zh_CN":
        speak_chinese(tab)
    patient.clock.forward(minutes=30)
    choose_option(tab, 3)
    expect(tab.locator("#login")).to_be_visible()
    tap_next(tab)
    choose_option(tab, 2)
    assert len(patient.events()) == 28
    tab.locator("#login a", has_text=link).tap()
    unlock(tab)
    expect(tab.locator("#review")).to_be_visible()
    assert len(context.pages) == 1
    expect(tab.locator("#s-q30 input[value='3']")).to_be_checked()
    tap_next(tab)
    tab.wait_for_url("**/done")
    assert patient.response().answers == {**qlq(2), "q29": 4, "q30": 3}
    assert patient.events()[28:] == [("q29", 4), ("q30", 3)]
    assert waiting(tab) == 0


@pytest.mark.req("OFF-01", "OFF-02")
def test_a_tab_killed_without_a_connection_brings_everything_when_it_is_opened_again(
    context: BrowserContext, patient: Patient
) -> None:
    tab = patient.nearly_done(context)
    context.set_offline(True)
    choose_option(tab, 3)
    expect(tab.locator("#net")).to_contain_text("No connection")
    tap_next(tab)
    choose_option(tab, 0)
    assert waiting(tab) == 1
    tab.close(run_before_unload=False)
    context.set_offline(False)
    again = context.new_page()
    again.goto(patient.form())
    expect(again.locator("#review")).to_be_visible()
    tap_next(again)
    again.wait_for_url("**/done")
    assert patient.events()[28:] == [("q29", 4), ("q30", 1)]
    assert patient.response().answers == {**qlq(2), "q29": 4, "q30": 1}
    assert patient.response().captured_offline
    assert waiting(again) == 0


@pytest.mark.req("CAP-14", "OFF-00", "OFF-01")
def test_an_offline_submission_after_a_restart_is_stored_once(
    chromium: Browser, context: BrowserContext, patient: Patient
) -> None:
    tab = patient.nearly_done(context)
    context.set_offline(True)
    answer_last_two(tab)
    send_in_vain(tab)
    remembered = context.storage_state()
    tab.close(run_before_unload=False)
    assert patient.responses() == []
    with chromium.new_context(
        viewport=SIZE, has_touch=True, locale="en-GB", storage_state=remembered
    ) as restarted:
        opened = restarted.new_page()
        opened.goto(patient.form())
        opened.wait_for_url("**/done")
        expect(opened.locator("h1")).to_have_text("Thank you. Your answers are saved.")
        opened.goto(patient.form())
        expect(opened.locator("h1")).to_have_text("This form was already sent")
        assert waiting(opened) == 0
    assert patient.response().answers == qlq(2)
    assert patient.events()[28:] == [("q29", 2), ("q30", 2)]


@pytest.mark.req("OFF-04")
def test_what_was_begun_in_the_window_is_finished_in_its_grace(
    context: BrowserContext, patient: Patient
) -> None:
    tab = patient.nearly_done(context)
    closes = patient.closes_at()
    patient.clock.at = closes - timedelta(minutes=5)
    tab.goto(patient.form())
    unlock(tab)
    answer_last_two(tab)
    patient.clock.at = closes + timedelta(minutes=5)
    tap_next(tab)
    tab.wait_for_url("**/done")
    assert patient.response().in_grace


@pytest.mark.req("OFF-04", "OFF-00")
@pytest.mark.parametrize("lang", ["en", "zh_CN"])
def test_answers_arriving_days_later_are_marked_late(
    context: BrowserContext, patient: Patient, lang: str
) -> None:
    tab = patient.nearly_done(context)
    closes = patient.closes_at()
    patient.clock.at = closes - timedelta(minutes=5)
    context.clock.install(time=patient.clock.at)
    tab.goto(patient.form())
    unlock(tab)
    if lang == "zh_CN":
        speak_chinese(tab)
    context.set_offline(True)
    answer_last_two(tab)
    send_in_vain(tab)
    tab.close(run_before_unload=False)
    context.set_offline(False)
    patient.clock.at = closes + timedelta(hours=71)
    context.clock.set_system_time(patient.clock.at)
    opened = context.new_page()
    opened.goto(patient.form())
    unlock(opened)
    expect(opened.locator("main")).to_contain_text("We noted the date" if lang == "en" else "我们记下了日期")
    assert patient.response().out_of_window
    assert patient.response().answers == qlq(2)
    assert waiting(opened) == 0


@pytest.mark.req("OFF-05")
def test_answers_after_closing_are_quarantined(context: BrowserContext, patient: Patient) -> None:
    tab = patient.nearly_done(context)
    context.clock.install(time=patient.closes_at() + timedelta(days=10))
    tab.goto(patient.form())
    patient.clock.at = patient.closes_at() + timedelta(days=10)
    choose_option(tab, 1)
    expect(tab.locator("#login")).to_be_visible()
    tab.locator("#login a").tap()
    unlock(tab)
    expect(tab.locator("h1:visible")).to_contain_text("closed")
    expect(tab.locator("#unsent")).to_be_visible()
    assert len(patient.quarantined()) == 1
    assert patient.responses() == []
    assert len(patient.events()) == 28
