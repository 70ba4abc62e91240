"""What a phone still held of a form comes to its address: judged, told in a way that it may forget."""

import pytest

from app.i18n.formats import format_receipt
from tests.applications import Clock
from tests.faces.desk_pages import page
from tests.faces.outbox_answers import CODES, SHOWN, outbox_records, send_outbox
from tests.faces.participant_browsers import Phone, heading
from tests.scenarios.people import START, days

EARLIER_FIELDS = {"width": "360", "scale": "row", "theme": "dark"}
"""How a form was shown, as a page tells it that a phone opened before `shown` came."""


@pytest.mark.req("OFF-00", "OFF-01")
def test_offline_answers_are_saved_and_then_submitted(phone: Phone) -> None:
    slot = phone.begin()
    assert send_outbox(phone, slot, outbox_records(phone, slot, "q1")).json() == {
        "state": "saved",
        "late": False,
        "receipt": "",
    }
    response = send_outbox(phone, slot, outbox_records(phone, slot, *CODES), reviewed=SHOWN)
    assert (response.status_code, response.json()["state"], response.json()["late"]) == (
        200,
        "submitted",
        False,
    )
    assert format_receipt(response.json()["receipt"]) in phone.client.get(f"/f/{slot}/done").text


@pytest.mark.req("OFF-02")
def test_a_record_altered_on_the_phone_is_refused_on_the_hot_path_too(phone: Phone) -> None:
    slot = phone.begin()
    record = {"seq": 1, "base": 0, "item": "q1", "value": 1, "at": SHOWN, "sum": 7, "offline": True}
    refused = phone.save(slot, record)
    assert (refused.status_code, refused.json()["code"]) == (422, "altered_answer")


def test_a_locked_phone_must_be_unlocked_first(phone: Phone, clock: Clock) -> None:
    slot = phone.begin()
    records = outbox_records(phone, slot, "q1")
    clock.forward(minutes=16)
    refused = send_outbox(phone, slot, records)
    assert (refused.status_code, refused.json()["code"]) == (401, "locked")


@pytest.mark.parametrize(
    ("records", "more", "code", "field"),
    [
        ("x", {}, "bad_field", "kept"),
        ([[1, 0]], {}, "bad_field", "kept"),
        ([{}], {}, "bad_field", "kept"),
        ([[1, 0, "?", 2, SHOWN, 1, 1]] * 2, {}, "bad_field", "seq"),
        ([[1, 0, "?", 2, SHOWN, 1, 1]], {}, "unknown_item", None),
        ([[1, 0, 7, 2, SHOWN, 1, 1]], {}, "bad_field", "item"),
        ([[1, 0, "?", 2, SHOWN, -1, 1]], {}, "bad_field", "sum"),
        ([[1, 0, "?", 2, "then", 1, 1]], {}, "bad_field", "at"),
        ([], {"reviewed": 5}, "bad_field", "reviewed"),
        ([], {"sent": "now"}, "bad_field", "sent"),
        ([], {"client": ""}, "bad_field", "client"),
        ([], {"more": 1}, "unknown_field", "more"),
    ],
)
def test_what_no_phone_of_ours_keeps_is_refused_by_name(
    phone: Phone, records: object, more: dict[str, object], code: str, field: str | None
) -> None:
    refused = send_outbox(phone, phone.begin(), records, **more)
    assert refused.status_code == 422
    assert (refused.json()["code"], refused.json().get("field")) == (code, field)


@pytest.mark.req("IAM-03")
def test_a_form_of_somebody_else_is_not_there(phone: Phone) -> None:
    assert send_outbox(phone, "nobodys", []).status_code == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({**EARLIER_FIELDS, "scale": "x"}, "scale"),
        ({**EARLIER_FIELDS, "theme": "x"}, "theme"),
        ({**EARLIER_FIELDS, "sent": "x"}, "sent"),
        ({"shown": "360"}, "shown"),
        ({"shown": "wide,flex,rgb(0, 0, 0)"}, "shown"),
        ({"shown": "360,flex,rgb(0, 0, 0)", "theme": "dark"}, "shown"),
    ],
)
def test_how_it_was_shown_is_read_strictly(phone: Phone, fields: dict[str, str], field: str) -> None:
    slot = phone.begin()
    refused = phone.send(slot, None, **fields)
    assert (refused.status_code, field in refused.text) == (422, True)


def test_a_notice_says_what_it_was_when_and_what_comes_next(phone: Phone, clock: Clock) -> None:
    phone.person.randomise(START.date(), START)
    slot, next_slot = phone.slot("D0"), phone.slot("W6")
    ahead = phone.client.get(f"/f/{next_slot}")
    assert (ahead.status_code, heading(ahead)) == (409, "This form is not open yet")
    assert "opens on" in ahead.text
    phone.send(phone.begin())
    response = page(phone.client, f"/f/{phone.slot()}", 409)
    assert "There is 1 more form for you." in response.text
    assert response.all("a", href="/sent")
    clock.at = START + days(4)
    phone.client.post("/unlock", data={"pin": "135790"})
    closed = page(phone.client, f"/f/{slot}", 409)
    assert closed.one("h1").text == "This form is closed"
    for words in ("Symptom diary", "closed on", "That's all right.", "There are 3 more forms for you."):
        assert words in closed.text
    assert closed.all("a", href="tel:05715550000")
    proxy = phone.client.post(f"/f/{phone.slot('D4')}/begin", data={"who": "proxy"})
    assert "tel:05715550000" in proxy.text
