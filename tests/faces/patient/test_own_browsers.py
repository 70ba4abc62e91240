"""After the way in: text size, practice; one's own browsers, a code for one more, and the PIN."""

import re
from itertools import pairwise

import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import Device
from tests.applications import Clock, open_browser
from tests.faces.participant_browsers import Phone, heading
from tests.markup import parse_page
from tests.scenarios.people import PIN

NEW = "246802"


def code_on(text: str) -> str:
    """The code as it is shown: two groups of four."""
    first, second = parse_page(text).all("p", class_="code")[0].all("span")
    return f"{first.text} {second.text}"


def test_welcome_sets_the_text_size_and_practises(phone: Phone) -> None:
    welcome = phone.client.get("/welcome")
    sizes = [
        (box["value"], box.get("checked") is not None)
        for box in parse_page(welcome.text).all("input", name="size")
    ]
    assert sizes == [("standard", True), ("large", False), ("extra_large", False)]
    chosen = phone.client.post("/welcome", data={"size": "large"})
    assert chosen.headers["location"] == "/welcome/practice"
    practice = phone.client.get("/welcome/practice")
    assert 'class=" large"' in practice.text
    assert "These answers are not stored." in practice.text
    assert len(parse_page(practice.text).all("input", name="reading")) == 11
    assert phone.client.post("/welcome", data={"size": "huge"}).status_code == 422


def test_practice_is_stored_nowhere(phone: Phone) -> None:
    def entries() -> int:
        with phone.person.installation.read() as session:
            return len(session.exec(select(AuditEntry)).all())

    before = entries()
    done = phone.client.post("/welcome/practice", data={"weather": "sunny", "reading": "7"})
    assert (done.status_code, done.headers["location"], entries()) == (303, "/home/ready", before)


def test_each_step_is_skipped_with_one_tap(phone: Phone) -> None:
    steps = ["/welcome", "/welcome/practice", "/home/ready"]
    for here, there in pairwise(steps):
        links = [link["href"] for link in parse_page(phone.client.get(here).text).all("footer")[0].all("a")]
        assert links == [there]


@pytest.mark.req("IAM-10")
def test_a_code_of_one_s_own_binds_another_browser_with_the_same_pin(app: FastAPI, phone: Phone) -> None:
    response = phone.client.post("/settings/devices")
    code = code_on(response.text)
    assert re.fullmatch(r"[A-Z2-9]{4} [A-Z2-9]{4}", code)
    assert "testserver/code" in response.text
    other = open_browser(app)
    assert heading(other.post("/code", data={"code": code})) == "Please confirm it is you"
    wrong = other.post("/code", data={"code": code, "pin": "000001"})
    assert (wrong.status_code, "Please check what you entered" in wrong.text) == (404, True)
    assert other.post("/code", data={"code": code, "pin": PIN}).headers["location"] == "/welcome"
    assert phone.client.get("/home").status_code == other.get("/home").status_code == 200


@pytest.mark.req("IAM-13")
def test_another_browser_is_removed_and_dead_at_once(app: FastAPI, phone: Phone) -> None:
    code = code_on(phone.client.post("/settings/devices").text)
    other = open_browser(app, user_agent="MicroMessenger")
    other.post("/code", data={"code": code, "pin": PIN})
    page = parse_page(phone.client.get("/settings/devices").text)
    rows = [row.text for row in page.all("main")[0].all("li")]
    assert [("WeChat" in row, "This one" in row) for row in rows] == [(True, False), (False, True)]
    (remove,) = [
        form["action"] for form in page.all("form") if re.search(r"/devices/\d+$", form.get("action") or "")
    ]
    gone = phone.client.post(str(remove))
    assert gone.headers["location"] == "/settings/devices?removed=1"
    assert "Removed." in phone.client.get(gone.headers["location"]).text
    assert other.get("/home").status_code == 401


def test_the_current_browser_is_signed_out_not_removed(phone: Phone) -> None:
    with phone.person.installation.read() as session:
        (here,) = session.exec(select(Device.id))
    refused = phone.client.post(f"/settings/devices/{here}")
    assert (refused.status_code, "log out" in refused.text) == (409, True)
    assert phone.client.post("/settings/devices/999").status_code == 404


def test_the_pin_is_changed(phone: Phone, clock: Clock) -> None:
    assert "/settings/pin" in phone.client.get("/settings").text

    def change(now: str, new: str, again: str) -> tuple[int, str]:
        response = phone.client.post(
            "/settings/pin", data={"pin_now": now, "pin_new": new, "pin_again": again}
        )
        assert not {now, new, again} & set(re.findall(r'value="(\d+)"', response.text))
        return response.status_code, response.text

    for fields, status, words in (
        (("000001", NEW, NEW), 403, "This PIN is not right."),
        ((PIN, "111111", "111111"), 422, "easy to guess"),
        ((PIN, "12", "12"), 422, "Please enter six numbers."),
        ((PIN, NEW, PIN), 422, "The two PINs are not the same."),
    ):
        response = change(*fields)
        assert (response[0], words in response[1]) == (status, True)
    assert change(PIN, NEW, NEW)[0] == 303
    assert "PIN changed." in phone.client.get("/settings/pin?saved=1").text
    clock.forward(minutes=16)
    assert phone.client.post("/unlock", data={"pin": NEW}).status_code == 303
    assert [change("000001", NEW, NEW)[0] for _ in range(6)] == [403] * 5 + [429]


def test_a_lock_in_between_carries_no_pin_along(phone: Phone, clock: Clock) -> None:
    clock.forward(minutes=16)
    locked = phone.client.post("/settings/pin", data={"pin_now": PIN, "pin_new": NEW, "pin_again": NEW})
    assert (locked.status_code, PIN in locked.text, NEW in locked.text) == (401, False, False)
    assert phone.client.post("/settings/pin", data={"pin": PIN}).headers["location"] == "/settings/pin"


def test_a_fresh_link_in_the_same_browser_replaces_what_was_bound(phone: Phone) -> None:
    code = code_on(phone.client.post("/settings/devices").text)
    phone.client.post("/code", data={"code": code, "pin": PIN})
    with phone.person.installation.read() as session:
        first, second = session.exec(select(Device).order_by(col(Device.id)))
    assert (first.revoked_at is None, second.revoked_at) == (False, None)
