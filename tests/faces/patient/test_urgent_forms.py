"""A form with an urgent answer over HTTP: whom its pages say to call, and on which day."""

import re
from datetime import date

import pytest
from httpx2 import Response

from tests.applications import Clock
from tests.faces.participant_browsers import Phone
from tests.scenarios.people import START

JSON = {"accept": "application/json"}


@pytest.mark.req("ALR-05")
def test_an_urgent_answer_says_call_now(phone: Phone) -> None:
    phone.person.randomise(date(2026, 3, 2), START)
    begin = phone.client.get(f"/f/{phone.slot('D0')}/review")
    assert (begin.status_code, begin.headers["location"]) == (303, f"/f/{phone.slot('D0')}")
    slot = phone.begin("D0")
    form = phone.client.get(f"/f/{slot}").text
    assert 'data-urgent="temperature' in form
    symptoms = [item for item in phone_items(phone) if item not in ("any_symptom", "fever", "temperature")]
    fields = {f"blank_{item}": "1" for item in symptoms} | {
        "any_symptom": "1",
        "fever": "1",
        "temperature": "38,7",
    }
    review = phone.review(slot, fields)
    assert (review.status_code, "Please call now" in review.text) == (200, True)
    assert "38.7" in review.text
    assert calls(phone.client.get("/home")) == ["tel:05715550000"]  # it is saved, though not sent
    phone.send(slot, fields)
    for page in (f"/f/{slot}/done", "/home", "/sent", f"/f/{slot}"):
        shown = phone.client.get(page)
        assert calls(shown) == ["tel:05715550000"], page
        assert shown.text.index("This could be serious") < shown.text.index("<h1"), page
        assert "You don't need to do anything." not in shown.text


@pytest.mark.req("ALR-05")
def test_the_day_after_an_urgent_answer_calls_for_nothing(phone: Phone, clock: Clock) -> None:
    phone.person.randomise(date(2026, 3, 2), START)
    slot = phone.begin("D0")
    items = phone_items(phone)
    fields = {f"blank_{item}": "1" for item in items if item not in ("any_symptom", "fever", "temperature")}
    fields |= {"any_symptom": "1", "fever": "1", "temperature": "38,7"}
    response = phone.client.post(
        f"/f/{slot}/submit", data={**fields, "submission_id": "s1", "reviewed": "1"}, headers=JSON
    )
    assert calls(response) == ["tel:05715550000"]
    clock.forward(days=1)
    phone.client.post("/unlock", data={"pin": "135790"})
    pages = [phone.client.get(page) for page in (f"/f/{slot}/done", "/home", "/sent")]
    assert [page.status_code for page in pages] == [200] * 3
    assert [calls(page) for page in pages] == [[], [], []]
    again = phone.client.get(f"/f/{slot}").text
    assert ("This could be serious" in again, "need to do anything." in again) == (False, True)


def calls(page: Response) -> list[str]:
    """The numbers of buttons that call."""
    return re.findall(r'class="btn" href="(tel:[^"]*)"', page.text)


def phone_items(phone: Phone) -> list[str]:
    instrument = phone.person.installation.library.get_instrument("symptom-diary", "1.0")
    return [item.code for item in instrument.items if item.code != "other"]
