"""The box of an open form that names whom to call now."""

import pytest

from tests.faces.visitors import Phone
from tests.markup import parsed
from tests.services.people import START
from tests.services.site_hours import keep_hours


@pytest.mark.req("ALR-05")
def test_an_open_form_names_the_number_that_answers_at_this_hour(phone: Phone) -> None:
    phone.person.randomise(START.date(), START)
    slot = phone.begin("D0")  # where an answer can be urgent

    def numbers() -> list[object]:
        box = parsed(phone.client.get(f"/f/{slot}").text).one("div", id="urgent")
        return [link["href"] for link in box.all("a")]

    assert numbers() == ["tel:05715550000"]
    keep_hours(phone.person, "120", mon="20:00-21:00")
    assert numbers() == ["tel:120"]
    keep_hours(phone.person, "120", mon="08:00-21:00")
    assert numbers() == ["tel:05715550000"]
    again = phone.client.post(f"/f/{slot}/submit", data={"action": "send", "submission_id": "s"})
    assert (again.status_code, 'href="tel:05715550000"' in again.text) == (422, True)
