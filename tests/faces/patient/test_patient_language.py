"""Changing the language in the middle of a form."""

import pytest

from tests.faces.participant_browsers import Phone, event
from tests.markup import parse_page


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
    from_review = {"referer": f"https://testserver/f/{slot}/submit"}
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
    for method in ("GET", "POST"):
        assert phone.client.request(method, f"/f/{slot}/language/xx").status_code in (409, 422)
        assert phone.client.request(method, "/f/nobodys/language/en").status_code == 404
