"""Changing the language in the middle of a form."""

import pytest

from tests.faces.participant_browsers import Phone, event
from tests.markup import parse_page
from tests.scenarios.people import START


@pytest.mark.req("CAP-03")
def test_a_language_is_changed_in_the_middle_only_after_a_word(phone: Phone) -> None:
    slot = phone.begin()
    referer = {"referer": f"https://testserver/f/{slot}"}

    def switch(code: str) -> str:
        answer = phone.client.post("/language", data={"lang": code}, headers=referer)
        assert answer.status_code == 303
        return str(answer.headers["location"])

    assert switch("zh_CN") == f"/f/{slot}"  # nothing is answered yet
    assert switch("en") == f"/f/{slot}"
    phone.save(slot, event(1, "q1", 3))
    asking = switch("zh_CN")
    assert asking == f"/f/{slot}/language/zh_CN"
    from_review = {"referer": f"https://testserver/f/{slot}/review"}
    again = phone.client.post("/language", data={"lang": "zh_CN"}, headers=from_review)
    assert again.headers["location"] == asking
    shown = parse_page(phone.client.get(asking).text)
    assert "Your answers are kept. The questions will be shown in Chinese." in shown.text
    assert "您已填写的回答会保留" in shown.text
    assert phone.person.row().language == "en"
    done = phone.client.post(asking)
    assert (done.status_code, done.headers["location"]) == (303, f"/f/{slot}")
    assert "__Host-language=zh_CN" in done.headers["set-cookie"]
    assert phone.person.row().language == "zh_CN"
    assert phone.client.get(asking).headers["location"] == f"/f/{slot}"  # it is in this language by now
    for method in ("GET", "POST"):
        assert phone.client.request(method, f"/f/{slot}/language/xx").status_code in (409, 422)
        assert phone.client.request(method, "/f/nobodys/language/en").status_code == 404


@pytest.mark.req("CAP-03", "CAP-20")
def test_without_the_runner_the_switch_of_a_form_carries_what_is_typed(phone: Phone) -> None:
    phone.person.randomise(START.date(), START)
    slot = phone.begin("D0")
    form = parse_page(phone.client.get(f"/f/{slot}").text)
    first, switch = form.all("button")[:2]
    assert (first["form"], switch["form"], switch["name"], switch["value"]) == ("f", "f", "lang", "zh_CN")
    assert (
        "name" not in first.attributes
    )  # what Enter presses: it neither saves and leaves nor changes the language
    at_once = phone.send(slot, {}, reviewed="", lang="zh_CN")
    assert (at_once.headers["location"], phone.person.row().language) == (f"/f/{slot}", "zh_CN")
    assert "__Host-language=zh_CN" in at_once.headers["set-cookie"]
    asking = phone.send(
        slot, {"any_symptom": "1", "fever": "1", "temperature": "38.5"}, reviewed="", lang="en"
    )
    assert (asking.headers["location"], phone.person.row().language) == (f"/f/{slot}/language/en", "zh_CN")
    phone.client.post(asking.headers["location"])
    page = parse_page(phone.client.get(f"/f/{slot}").text)
    assert (page.one("html")["lang"], page.one("input", name="temperature")["value"]) == ("en", "38.5")
    wrong = phone.send(slot, {"any_symptom": "1", "temperature": "50"}, reviewed="", lang="zh_CN")
    assert (wrong.status_code, parse_page(wrong.text).one("input", name="temperature")["value"]) == (
        422,
        "50",
    )
    assert phone.send(slot, {"any_symptom": "1"}, reviewed="", lang="xx").status_code == 422
