"""One phone, two participants: both stay bound, one is active, neither sees anything of the other."""

import sqlite3
from contextlib import closing

import pytest
from fastapi import FastAPI

from app.web.cookies import MOST_OTHERS
from tests.faces.participant_browsers import Phone, enrol_only, heading, invite
from tests.markup import parse_page
from tests.scenarios.people import PIN, Person

CHECK = {"pin": PIN}
BOTH = {"pin": PIN, "pin_again": PIN}
OTHERS = "__Host-others"
PAGES = ("/home", "/sent", "/settings", "/settings/devices", "/settings/people")


@pytest.fixture
def second(app: FastAPI, phone: Phone) -> Phone:
    """Somebody else who opens their link on the first one's phone."""
    return _also(app, phone, "0571-002")


def _also(app: FastAPI, phone: Phone, subject: str) -> Phone:
    new = invite(app, enrol_only(Person(phone.person.installation, phone.person.site, subject)))
    new.client = phone.client
    return new


def here(phone: Phone) -> str:
    """Whose forms this browser opens now, by the only form that both have."""
    return phone.client.cookies["__Host-device"]


@pytest.mark.req("IAM-10")
def test_both_stay_bound_and_the_second_one_is_active(phone: Phone, second: Phone) -> None:
    first_token = here(phone)
    response = phone.client.get(f"/a/{second.link}")
    assert "This phone is used by another participant." in response.text
    assert phone.client.get("/home").status_code == 200
    done = phone.client.post(f"/a/{second.link}", data=BOTH)
    others = next(line for line in done.headers.get_list("set-cookie") if line.startswith(OTHERS))
    for part in (first_token, "Max-Age=34560000", "HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part in others
    assert here(phone) != first_token
    renewed = phone.client.get("/home").headers.get_list("set-cookie")
    assert [line.partition("=")[0] for line in renewed] == ["__Host-device", OTHERS, "__Host-marks"]
    assert phone.client.get(f"/f/{second.slot()}").status_code == 200
    for path in ("", "?confirm"):  # an old page of the first one, or its link to confirm who they are
        old = phone.client.get(f"/f/{phone.slot()}{path}")
        assert (old.status_code, heading(old)) == (404, "This form isn't one of yours")
        assert 'class="btn" href="/settings/people"' in old.text


def test_neither_sees_anything_of_the_other(phone: Phone, second: Phone) -> None:
    phone.client.post(f"/a/{second.link}", data=BOTH)
    for active, other in ((second, phone), (phone, second)):
        texts = "".join(phone.client.get(path).text for path in PAGES)
        for secret in (other.person.subject, other.slot(), other.person.row().public_id):
            assert secret not in texts
        assert active.slot() in texts
        _switch(phone)
        phone.client.post("/unlock", data=CHECK)


def _switch(phone: Phone) -> None:
    (number,) = [
        box["value"]
        for box in parse_page(phone.client.get("/settings/people").text).all("input", name="person")
    ]
    switched = phone.client.post("/settings/people", data={"person": str(number)})
    assert (switched.status_code, switched.headers["location"]) == (303, "/home")


def test_switching_locks_the_one_and_asks_the_check_of_the_other(phone: Phone, second: Phone) -> None:
    phone.client.post(f"/a/{second.link}", data=BOTH)
    page = phone.client.get("/settings/people")
    assert "You are participant 2 on this phone." in page.text
    _switch(phone)
    locked = phone.client.get("/home")
    assert (locked.status_code, heading(locked)) == (401, "Please confirm it is you")
    assert "/settings/people" in locked.text
    assert "You are participant 1 on this phone." in phone.client.get("/settings/people").text
    assert phone.client.post("/unlock", data=CHECK).headers["location"] == "/home"
    assert phone.slot() in phone.client.get("/home").text
    _switch(phone)
    assert phone.client.get("/home").status_code == 401


def test_staying_oneself_changes_nothing_and_nobody_else_can_be_chosen(phone: Phone) -> None:
    alone = phone.client.get("/settings/people")
    assert "Only you use this phone." in alone.text
    token = here(phone)
    assert phone.client.post("/settings/people", data={"person": "1"}).headers["location"] == "/home"
    assert (here(phone), phone.client.get("/home").status_code) == (token, 200)
    for wrong in ("2", "0", "x", ""):
        assert phone.client.post("/settings/people", data={"person": wrong}).status_code == 422


def test_who_has_not_chosen_a_mark_is_offered_to_on_the_first_page(phone: Phone, second: Phone) -> None:
    offer = 'href="/settings/mark"'
    assert offer not in phone.client.get("/home").text  # nobody else is here
    phone.client.post(f"/a/{second.link}", data=BOTH)
    assert offer in phone.client.get("/home").text
    phone.client.post("/settings/mark", data={"drawing": "star", "nickname": ""})
    assert offer not in phone.client.get("/home").text


def test_logging_out_removes_the_active_one_and_offers_the_other(phone: Phone, second: Phone) -> None:
    first = parse_page(phone.client.get("/settings/leave").text)
    assert "First used: 2 March 2026, 09:30" in first.text
    assert "They stay logged in." not in first.text
    phone.client.post(f"/a/{second.link}", data=BOTH)
    asks = parse_page(phone.client.get("/settings/leave").text)
    assert "Someone else uses this phone too. They stay logged in." in asks.text
    assert asks.one("a", class_="btn sec")["href"] == "/settings"
    response = phone.client.post(str(asks.one("form", action="/settings/leave")["action"]))
    assert response.headers["location"] == "/settings/people?left=1"
    offered = phone.client.get(response.headers["location"])
    assert "You are logged out." in offered.text
    assert "Continue as participant 1" in offered.text
    assert phone.client.get("/home").status_code == 401
    phone.client.post("/unlock", data=CHECK)
    assert phone.slot() in phone.client.get("/home").text
    assert OTHERS not in phone.client.cookies
    assert phone.client.post("/settings/leave").headers["location"] == "/"
    assert phone.client.get("/home").status_code == 401


def test_an_old_sheet_on_a_shared_phone_asks_who_it_is(phone: Phone, second: Phone) -> None:
    phone.client.post(f"/a/{second.link}", data=BOTH)
    assert phone.client.get(f"/a/{phone.link}").headers["location"] == "/settings/people"


def test_a_code_on_a_shared_phone_says_so(phone: Phone, second: Phone) -> None:
    response = phone.client.post("/code", data={"code": second.code})
    assert "This phone is used by another participant." in response.text


def test_a_sixth_person_replaces_the_one_away_longest(app: FastAPI, phone: Phone) -> None:
    for number in range(2, MOST_OTHERS + 3):
        also = _also(app, phone, f"0571-{number:03d}")
        phone.client.post(f"/a/{also.link}", data=BOTH)
    page = parse_page(phone.client.get("/settings/people").text)
    assert len(page.all("input", name="person")) == MOST_OTHERS
    with phone.person.installation.read() as session:
        gone = session.connection().exec_driver_sql("SELECT id FROM device WHERE revoked_at IS NOT NULL")
        assert len(gone.all()) == 1


def test_the_language_of_the_one_is_not_the_other_s(phone: Phone, second: Phone) -> None:
    phone.client.post("/language", data={"lang": "zh_CN"})
    way_in = f"https://testserver/a/{second.link}"
    assert 'lang="en"' in phone.client.get(way_in).text
    phone.client.post("/language", data={"lang": "en"}, headers={"referer": way_in})
    assert phone.person.row().language == "zh_CN"
    phone.client.post(f"/a/{second.link}", data=BOTH)
    assert (phone.person.row().language, second.person.row().language) == ("zh_CN", "en")
    assert 'lang="en"' in phone.client.get("/home").text


@pytest.mark.req("IAM-10")
def test_each_person_has_a_mark_on_every_page_that_no_record_holds(phone: Phone, second: Phone) -> None:
    client = phone.client
    assert client.get("/settings/mark").headers["location"] == "/settings/people"
    assert phone.client.post(f"/a/{second.link}", data=BOTH).headers["location"] == "/settings/mark?new=1"
    home = client.get("/home").text
    mark_page = parse_page(client.get("/settings/mark?new=1").text)
    offered = [box["value"] for box in mark_page.all("input", name="drawing")]
    assert offered == ["square", "triangle", "heart", "star", "diamond"]
    assert mark_page.one("a", class_="btn sec")["href"] == "/welcome"
    assert 'aria-label="Orange square"' in home
    for wrong in ("circle", "x", ""):
        again = client.post("/settings/mark", data={"drawing": wrong, "nickname": "Li", "new": "1"})
        assert (again.status_code, 'value="Li"' in again.text) == (422, True)
    typed = {"drawing": "star", "nickname": "  奶奶<b>\n" + "x" * 30, "new": "1"}
    chosen = client.post("/settings/mark", data=typed)
    assert chosen.headers["location"] == "/welcome"
    cookie = next(line for line in chosen.headers.get_list("set-cookie") if line.startswith("__Host-marks"))
    assert cookie.endswith("; HttpOnly; Max-Age=34560000; Path=/; SameSite=lax; Secure")
    slot = second.slot()
    client.post(f"/f/{slot}/begin", data={"who": "self"})
    mark = "<bdi>奶奶&lt;b&gt; xxxxxx</bdi>"
    for path in (*PAGES, "/help", f"/f/{slot}", "/settings/leave"):
        assert mark in client.get(path).text, path
    _switch(phone)
    assert mark not in client.get("/home").text.partition("<main")[0]
    locked = client.get("/unlock").text
    assert locked.count('aria-label="Blue circle"') == 2
    assert mark in client.get("/settings/people").text
    client.post("/unlock", data=CHECK)
    client.post("/settings/mark", data={"drawing": "heart", "nickname": ""})
    assert 'aria-label="Red heart"' in client.get(f"/f/{phone.begin()}").text
    with closing(sqlite3.connect(str(phone.person.installation.engine.url.database))) as base:
        dump = "".join(base.iterdump())
    assert phone.person.subject in dump
    assert "奶奶" not in dump
    client.post(
        "/settings/leave",
        data={"act": parse_page(client.get("/settings/leave").text).one("input", name="act")["value"]},
    )
    assert "__Host-marks" not in client.cookies
