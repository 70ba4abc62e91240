"""The box of an open form that names whom to call now."""

import pytest

from tests.faces.visitors import Phone
from tests.services.people import START
from tests.services.site_hours import keep_hours


@pytest.mark.req("ALR-05")
def test_an_open_form_names_the_number_that_answers_at_this_hour(phone: Phone) -> None:
    phone.person.randomise(START.date(), START)
    slot = phone.begin("D0")  # where an answer can be urgent
    assert phone.call_numbers(f"/f/{slot}") == ["tel:05715550000"]
    keep_hours(phone.person, "120", mon="20:00-21:00")
    assert phone.call_numbers(f"/f/{slot}") == ["tel:120"]
    keep_hours(phone.person, "120", mon="08:00-21:00")
    assert phone.call_numbers(f"/f/{slot}") == ["tel:05715550000"]
    again = phone.client.post(f"/f/{slot}/submit", data={"action": "send", "submission_id": "s"})
    assert (again.status_code, 'href="tel:05715550000"' in again.text) == (422, True)
