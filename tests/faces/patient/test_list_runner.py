"""A form that begins with a list, in a real browser: ticks, what is asked of them, taking them back."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from app.domain.capture.outbox import item_tokens
from app.domain.instruments.responses import NOT_TICKED, OPEN
from app.patient.forms.pages import Choice, Question, RunnerKind
from tests.faces import page_samples as samples
from tests.faces.phones import Phone, phone_with
from tests.page_time import wait_until

LISTED = [item.code for item in samples.instrument(samples.LISTED, "en")[0].items if item.listed]


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Phone]:
    yield from phone_with(chromium, samples.form(samples.LISTED))


def tick(phone: Phone, words: str) -> None:
    phone.page.locator("#s-any_symptom .o").get_by_text(words, exact=True).click()


def newest(phone: Phone) -> dict[str, object]:
    """What the server holds of each item."""
    return {str(event["item"]): event["value"] for event in phone.desk.events}


def expect_stored(phone: Phone, **values: object) -> None:
    wait_until(phone.page, lambda: newest(phone).items() >= values.items())


def expect_listed(phone: Phone, *items: str) -> None:
    """Wait until the server has heard of exactly these."""
    wait_until(phone.page, lambda: newest(phone).keys() >= set(items))
    assert set(newest(phone)) == set(items)


@pytest.mark.req("CAP-06")
def test_none_of_these_is_a_whole_diary_in_three_taps(phone: Phone) -> None:
    assert phone.question == "Which of these did you have on this day?"
    phone.next()
    expect(phone.page.locator("#why")).to_have_text("You have not answered this question.")
    expect(phone.page.locator("#leave")).to_be_hidden()
    tick(phone, "Pain")
    tick(phone, "None of these")
    assert phone.page.locator("#s-any_symptom .o :checked").count() == 1
    phone.next()
    assert phone.question == "Check your answers"
    assert phone.page.inner_text("#rows > div dd >> nth=0") == "None of these"
    assert phone.page.locator("#rows > div").count() == 1
    phone.next()
    phone.page.wait_for_url("**/done")
    assert newest(phone) == {"pain": NOT_TICKED, "any_symptom": 0}
    submission = phone.desk.submissions[0]
    assert not [name for name in submission if name.startswith("tick_")]
    assert (submission["any_symptom"], "pain" in submission) == ("0", False)


def test_ticked_items_are_asked_and_unticked_ones_not_submitted(phone: Phone) -> None:
    tick(phone, "Pain")
    tick(phone, "Cough")
    expect_listed(phone, "pain", "cough", "any_symptom")  # of what was only looked at nothing is said
    expect_stored(phone, pain=OPEN, any_symptom=OPEN)
    phone.next()
    assert (phone.question, phone.page.title()[:15]) == ("How bad was your pain?", "Question 2 of 3")
    expect_stored(phone, any_symptom=1, fatigue=NOT_TICKED, fever=NOT_TICKED, other=NOT_TICKED)
    expect_listed(phone, "any_symptom", *LISTED)
    phone.choose(7)
    phone.next()
    phone.page.click("#back")
    expect(phone.page.locator(".q.on h1")).to_have_text("How bad was your pain?")
    phone.page.click("#back")
    tick(phone, "Pain")
    expect_stored(phone, pain=NOT_TICKED)
    phone.next()
    _tick_again(phone)
    submission = phone.desk.submissions[0]
    assert {name for name in submission if name.startswith("tick_")} == {"tick_pain", "tick_cough"}
    assert (submission["any_symptom"], submission["pain"], submission["cough"]) == ("1", "2", "3")
    values = [event["value"] for event in phone.desk.events if event["item"] == "pain"]
    assert values == [OPEN, 7, NOT_TICKED, OPEN, 2]


def _tick_again(phone: Phone) -> None:
    """From the next symptom to the review, where the pain is ticked once more, and on to the thanks."""
    assert phone.question == "How bad was your cough?"
    phone.choose(3)
    phone.next()
    assert [each.inner_text() for each in phone.page.locator("#rows dd:nth-of-type(1)").all()] == [
        "Cough",
        "3 of 10",
    ]
    phone.page.click("#rows a >> nth=0")
    tick(phone, "Pain")
    phone.next()
    assert phone.question == "How bad was your pain?"  # asked again: what was given before is gone
    assert phone.page.locator(".q.on :checked").count() == 0
    phone.choose(2)
    phone.next()
    while phone.question != "Check your answers":
        phone.next()
    phone.next()
    phone.page.wait_for_url("**/done")


def test_a_tick_that_says_it_all_calls_at_once_and_leads_on(phone: Phone) -> None:
    expect(phone.page.locator("#urgent p")).to_be_hidden()
    tick(phone, "Fever")
    expect(phone.page.locator("#urgent p")).to_be_visible()
    phone.next()
    assert phone.question == "What was your highest temperature, in °C?"
    phone.page.fill(".q.on input", "38,5")
    phone.next()
    expect(phone.page.locator("#urgent p")).to_be_visible()
    assert phone.page.locator("#rows > div").count() == 2
    expect_stored(phone, fever=1, temperature=385)
    phone.page.click("#rows a >> nth=0")
    tick(phone, "Fever")
    tick(phone, "Low mood")
    phone.next()
    assert phone.question == "How bad was your low mood?"
    expect_stored(phone, fever=NOT_TICKED, temperature=OPEN)
    expect(phone.page.locator("#urgent p")).to_be_hidden()


def test_a_draft_opens_at_its_last_question(chromium: Browser) -> None:
    open_list = {"any_symptom": OPEN, "pain": OPEN, "cough": NOT_TICKED}
    for phone in phone_with(chromium, samples.form(samples.LISTED, "en", open_list)):
        assert phone.question == "Which of these did you have on this day?"
        assert phone.page.locator("#s-any_symptom .o :checked").count() == 1
    shut = {**dict.fromkeys(LISTED, NOT_TICKED), "any_symptom": 1, "pain": 4, "sleep": OPEN}
    for phone in phone_with(chromium, samples.form(samples.LISTED, "en", shut)):
        assert phone.question == "How bad were your sleep problems?"
        phone.desk.save = 503
        phone.choose(0)
        phone.page.click("#back")
        phone.page.click("#back")
        tick(phone, "Pain")
        tick(phone, "Cough")
        phone.page.wait_for_timeout(50)
        phone.desk.save = 204
        phone.page.reload()  # what the phone kept stands in the list again, although no server told it
        assert phone.question == "Which of these did you have on this day?"
        ticked = phone.page.locator("#s-any_symptom .o :checked + span")
        assert [each.inner_text() for each in ticked.all()] == ["Cough", "Sleep problems"]
        expect_stored(phone, pain=NOT_TICKED, cough=OPEN, sleep=0, any_symptom=OPEN)


def test_an_answer_of_a_ticked_item_decides_what_follows(chromium: Browser) -> None:
    """The one runner that knows both rules: a question that no box stands for, beside those of a list."""
    page, choices = samples.form(samples.LISTED), (Choice("1", "No"), Choice("2", "Yes"))
    after = Question("relief", 90, "choice", "Did anything help?", choices, ask_if="pain,5,10")
    questions = (*page.questions, after)
    parts = samples.assets().build_parts(questions, dark=False)
    assert parts.kind is RunnerKind.all
    both = replace(page, questions=questions, parts=parts, key=item_tokens(len(questions), b"x"))
    for phone in phone_with(chromium, both):
        tick(phone, "Pain")
        phone.next()
        phone.choose(7)
        phone.next()
        assert phone.question == "Did anything help?"
        phone.page.click("#back")
        phone.choose(3)
        phone.next()
        assert phone.question == "Check your answers"
