"""A row too long for a telephone, on one: a whole number is typed, and its ends are named."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from app.patient.forms.questions import build_questions
from tests.faces import page_samples as samples
from tests.faces.phones import Phone, phone_with


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Phone]:
    """The diary at the first item of 0-100."""
    questions = build_questions(*samples.wide_diary(), {"any_symptom": 1})
    yield from phone_with(chromium, replace(samples.form(samples.DIARY), questions=questions))


@pytest.mark.req("CAP-05")
def test_a_wide_scale_is_typed_as_a_number(phone: Phone) -> None:
    assert phone.question == "Tiredness"
    assert phone.page.locator(".q.on [type=radio]").count() == 0
    assert phone.page.locator(".q.on #e-fatigue").inner_text() == "0: None · 100: Worst imaginable"
    phone.page.fill(".q.on input:not([type])", "101")
    phone.next()
    assert phone.question == "Tiredness"
    assert "Enter a number in the range above the box." in phone.page.inner_text("#ask")
    phone.page.fill(".q.on input:not([type])", "37")
    phone.next()
    assert phone.question == "Pain"
    phone.expect_saved(37)
    event = phone.desk.events[-1]
    assert (event["item"], event["value"]) == ("fatigue", 37)
