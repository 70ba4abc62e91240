"""What only the page holds, because the phone keeps nothing or must not: it is told, and never lost."""

import json

import pytest
from playwright.sync_api import Browser, expect

from app.domain.capture.outbox import item_of_token, item_tokens
from tests.faces import page_samples as samples
from tests.faces.phones import expect_line, phone_with

KEY = item_tokens(30, b"x")
CODES = [f"q{number}" for number in range(1, 31)]
FORBIDDEN = "Object.defineProperty(window, 'localStorage', {get: function () { throw new Error('no'); }})"
DIARY_CODES = [item.code for item in samples.instrument(samples.DIARY, "en")[0].items if item.code != "other"]


def test_a_phone_that_keeps_nothing_says_so_and_loses_nothing(chromium: Browser) -> None:
    page = samples.form(samples.QLQ, "en", dict.fromkeys(CODES[:28], 2))
    for phone in phone_with(chromium, page, FORBIDDEN):
        expect_line(phone, "stay connected")
        phone.context.set_offline(True)
        with phone.page.expect_event("requestfailed"):
            phone.choose(3)
        expect_line(phone, "stay connected")
        phone.desk.save = 409
        phone.context.set_offline(False)
        expect(phone.page).to_have_title("Closed")
        records = phone.desk.late[0]["kept"]
        assert isinstance(records, list)
        assert [item_of_token(event[2], KEY, CODES) for event in records] == ["q29"]


@pytest.mark.req("OFF-00")
@pytest.mark.parametrize("status", [503, 409, 401])
def test_unsaved_free_text_is_announced_until_stored(chromium: Browser, status: int) -> None:
    """The form is closed and the page could leave, but not before somebody has what it holds."""
    page = samples.form(samples.QLQ, "en", dict.fromkeys(CODES[:28], 2))
    for phone in phone_with(chromium, page, FORBIDDEN):
        phone.desk.save, phone.desk.late_status = 409, status
        with phone.page.expect_response("**/late"):
            phone.choose(3)
        asks = phone.page.locator("#login")
        if status == 401:
            expect(asks).to_be_visible()
            assert phone.page.get_attribute("#login a", "target") == "_blank"
        else:
            expect_line(phone, "stay connected")
        assert phone.question.startswith("All in all")
        phone.desk.late_status = 200
        phone.page.evaluate("dispatchEvent(new Event('online'))")
        expect(phone.page).to_have_title("Closed")
        assert [len(batch["kept"]) for batch in phone.desk.late][-1] == 1  # type: ignore[arg-type]  # JSON


@pytest.mark.req("OFF-01")
def test_a_word_in_the_middle_is_taken_when_the_page_goes_out_of_sight(chromium: Browser) -> None:
    answers = dict.fromkeys(DIARY_CODES, 0) | {"any_symptom": 1}
    for phone in phone_with(chromium, samples.form(samples.DIARY, "en", answers)):
        phone.page.locator("#s-other input:not([type])").press_sequentially("half a wo")
        with phone.page.expect_response("**/answers"):
            phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        phone.expect_saved("half a wo")
        phone.context.set_offline(True)
        phone.page.locator("#s-other input:not([type])").press_sequentially("rd")
        with phone.page.expect_event("dialog") as dialog_event:
            phone.page.close(run_before_unload=True)
        assert dialog_event.value.type == "beforeunload"
        dialog_event.value.accept()


@pytest.mark.req("OFF-00")
def test_unsaved_free_text_is_not_announced_as_stored(chromium: Browser) -> None:
    answers = dict.fromkeys(DIARY_CODES, 0) | {"any_symptom": 1}
    for phone in phone_with(chromium, samples.form(samples.DIARY, "en", answers)):
        phone.context.set_offline(True)
        phone.page.evaluate("document.querySelector('#s-pain [type=radio][value=\"3\"]').click()")
        expect_line(phone, "kept on this phone")
        words = phone.page.locator("#s-other input:not([type])")
        words.fill("secret words")
        status = words.evaluate(
            "(typed) => { typed.dispatchEvent(new Event('change', {bubbles: true}));"
            " return document.querySelector('#net').textContent; }"
        )
        assert status.startswith("Your answers are not kept on this phone")


@pytest.mark.req("PRI-05", "CAP-13")
def test_words_never_stand_on_the_phone(chromium: Browser) -> None:
    answers = dict.fromkeys(DIARY_CODES, 0) | {"any_symptom": 1}
    for phone in phone_with(chromium, samples.form(samples.DIARY, "en", answers)):
        phone.context.set_offline(True)
        phone.page.locator("#s-other input:not([type])").fill("secret words")
        phone.page.dispatch_event("#s-other input:not([type])", "change")
        expect_line(phone, "stay connected")
        assert "secret" not in json.dumps(phone.stored())
        phone.context.set_offline(False)
        expect(phone.page.locator("#net")).to_have_class("vh")
        phone.expect_saved("secret words")
