"""A participant enters an e-mail address of their own on the phone, and the nurse sees who entered it."""

import re

import pytest
from fastapi import FastAPI

from app.services.reminders.reminder_delivery import MessageSender
from tests.faces.participant_browsers import Phone, heading
from tests.markup import parse_page
from tests.scenarios.reminders import WORDS, MailServer

CODE = "/settings/address/code"


@pytest.mark.req("PRI-01", "PRI-03")
def test_an_address_is_entered_and_verified_without_a_script(app: FastAPI, phone: Phone) -> None:
    server, client = MailServer(), phone.client
    app.state.sender = MessageSender({"email": server}, WORDS)
    assert "Enter an e-mail address" in client.get("/settings").text
    assert client.get(CODE).headers["location"] == "/settings/address"
    bad = client.post("/settings/address", data={"address": "li.example.org"})
    page = parse_page(bad.text)
    assert (bad.status_code, page.one("input", name="address")["value"]) == (422, "li.example.org")
    assert page.one("h2").text == "There is a problem"
    response = client.post("/settings/address", data={"address": "ｌｉ＠example。org"})
    assert response.headers["location"] == CODE
    code_page = client.get(CODE)
    assert ("l***@example.org" in code_page.text, "li@example.org" in code_page.text) == (True, False)
    match = re.search(r"\d{3} \d{3}", server.letters[0].text)
    assert match
    code = match.group()
    wrong = client.post(CODE, data={"code": f"{(int(code.replace(' ', '')) + 1) % 10**6:06}"})
    assert (wrong.status_code, heading(wrong)) == (403, "Enter the code from your e-mail")
    for _ in range(2):
        assert client.post(CODE, data={"code": code}).headers["location"] == "/settings/saved/address"
    saved = client.get("/settings/saved/address").text
    assert "Your reminders will go there now." in saved
    assert "Change the e-mail address" in saved
    assert "l***@example.org" in client.get("/settings/address").text
    same = client.post("/settings/address", data={"address": "li@example.org"})
    assert (same.status_code, "already send" in same.text) == (409, True)
    for _ in range(4):
        client.post("/settings/address", data={"address": "lina@example.org"})
    full = client.post("/settings/address", data={"address": "lina@example.org"})
    assert (full.status_code, "in one hour" in full.text, full.headers.get("retry-after")) == (
        429,
        True,
        "3600",
    )
    app.state.sender = MessageSender({}, WORDS)
    assert "/settings/address" not in client.get("/settings").text
    for path in ("/settings/address", CODE):
        assert client.get(path).headers["location"] == "/settings"
    assert client.post("/settings/address", data={"address": "a@b.org"}).headers["location"] == "/settings"
    expired = client.get("/settings/address?expired=1")
    assert expired.headers["location"] == "/settings"
