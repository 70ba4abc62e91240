"""The box of an open form that names whom to call now."""

import pytest

from tests.faces.participant_browsers import ANSWERS, Phone
from tests.markup import parse_page
from tests.scenarios.people import START
from tests.scenarios.site_hours import keep_hours


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
    assert again.status_code == 303
    assert 'href="tel:05715550000"' in phone.client.get(again.headers["location"]).text


@pytest.mark.req("ALR-05")
def test_call_box_shows_the_number_that_answers_at_this_hour(phone: Phone) -> None:
    """Beside an urgent answer or without one, in both languages, on every page that says it."""
    slot = phone.begin()
    phone.send(slot)
    phone.client.post(f"/sent/{slot}/correction")
    assert shown_numbers(phone, slot) == {("tel:05715550000",)}
    keep_hours(phone.person, "120", mon="08:00-21:00")
    assert shown_numbers(phone, slot) == {("tel:05715550000",)}
    keep_hours(phone.person, "120", mon="20:00-21:00")
    assert shown_numbers(phone, slot) == {("tel:120", "tel:05715550000")}
    assert "don't wait for our call: call 120 ." in parse_page(phone.client.get("/help/call").text).text
    phone.client.post("/language", data={"lang": "zh_CN"})
    shown = parse_page(phone.client.get("/home").text).one("p", class_="sos").text
    assert shown.startswith("您的回答不会马上有人看。如果您感到不舒服，请拨打 120 。")
    assert shown.endswith("研究团队（上班时间）： 0571‑5550000")
    keep_hours(phone.person, "", mon="20:00-21:00")
    assert shown_numbers(phone, slot) == {("tel:05715550000",)}


def shown_numbers(phone: Phone, slot: str) -> set[tuple[str, ...]]:
    """The numbers of the sentence about feeling unwell, on pages and on the thanks of the runner."""
    pages = ("/home", "/help", f"/f/{slot}/done", f"/sent/{slot}/asked")
    texts = [phone.client.get(page).text for page in pages]
    again = {**ANSWERS, "submission_id": "s1", "reviewed": "1"}
    thanks = phone.client.post(f"/f/{slot}/submit", data=again, headers={"accept": "application/json"})
    boxes = (parse_page(text).one("p", class_="sos") for text in (*texts, thanks.text))
    return {tuple(link["href"] for link in each.all("a")) for each in boxes}
