"""Filling and sending a form over HTTP: with the runner's requests, and without it."""

import re
from datetime import date

import pytest
from fastapi import FastAPI
from sqlmodel import select

from app.i18n.formats import format_receipt
from app.storage.tables.capture import AnswerEvent, Quarantine, Response
from tests.applications import Clock
from tests.faces.participant_browsers import ANSWERS, Phone, enrol_only, event, heading, invite
from tests.scenarios.people import START, Person

JSON = {"accept": "application/json"}


def stored(phone: Phone) -> list[tuple[str, int | None]]:
    with phone.person.installation.read() as session:
        return [(row.item, row.value) for row in session.exec(select(AnswerEvent))]


def response(phone: Phone) -> Response:
    with phone.person.installation.read() as session:
        return session.exec(select(Response)).one()


def test_a_form_begins_with_who_fills_it_in(phone: Phone) -> None:
    slot = phone.slot()
    seen = phone.client.get(f"/f/{slot}")
    assert (heading(seen), "checked" in seen.text) == ("Quality of life · At the start", False)
    assert phone.person.slot("BL").begun_at is None
    for fields, words in (
        ({}, "Please answer one question"),
        ({"who": "scribe"}, "Please answer one more question"),
        ({"who": "scribe", "scribe": "neighbour"}, "Please answer one more question"),
    ):
        again = phone.client.post(f"/f/{slot}/begin", data=fields)
        assert (again.status_code, words in again.text) == (422, True)
    proxy = phone.client.post(f"/f/{slot}/begin", data={"who": "proxy"})
    assert heading(proxy) == "Only you can give these answers"
    assert phone.person.slot("BL").begun_at is None
    begun = phone.client.post(f"/f/{slot}/begin", data={"who": "scribe", "scribe": "nurse"})
    assert begun.headers["location"] == f"/f/{slot}"
    assert phone.person.slot("BL").helped_by == "nurse"


def test_a_late_diary_entry_asks_for_a_reason(phone: Phone, clock: Clock) -> None:
    phone.person.randomise(date(2026, 3, 2), START)
    slot = phone.slot("D0")
    assert "Why is this entry late?" not in phone.client.get(f"/f/{slot}").text
    clock.forward(minutes=10)
    phone.client.get("/home")
    clock.at = START
    clock.forward(days=2)
    phone.client.post("/unlock", data={"pin": "135790"})
    assert "Why is this entry late?" in phone.client.get(f"/f/{slot}").text
    again = phone.client.post(f"/f/{slot}/begin", data={"who": "self"})
    assert (again.status_code, 'href="#late"' in again.text) == (422, True)
    assert (
        phone.client.post(f"/f/{slot}/begin", data={"who": "self", "late_reason": "forgot"}).status_code
        == 303
    )
    assert phone.person.slot("D0").late_reason == "forgot"
    assert "Monday, 2 March 2026" in phone.client.get(f"/f/{slot}").text


@pytest.mark.req("CAP-05")
def test_the_form_document_is_one_small_request_without_any_default(phone: Phone) -> None:
    slot = phone.begin()
    form = phone.client.get(f"/f/{slot}", headers={"accept-encoding": "gzip"})
    assert int(form.headers["content-length"]) <= 9_000
    over_https = phone.client.get(f"/f/{slot}", headers={"accept-encoding": "br"})
    assert int(over_https.headers["content-length"]) <= 8_250
    assert not re.search(r"<input[^>]* checked", form.text)
    assert "<link" not in form.text
    assert "src=" not in form.text
    assert form.headers["cache-control"] == "no-store"
    policy = form.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.count("'sha256-") == 3  # the style's and the two scripts' that are in it


@pytest.mark.req("CAP-06", "AUD-05")
def test_saved_answers_come_back_with_the_form(phone: Phone) -> None:
    slot = phone.begin()
    first = phone.save(slot, event(1, "q1", 3))
    assert (first.status_code, first.headers["x-revision"], first.content) == (204, "1", b"")
    assert (
        phone.save(slot, event(2, "q1", 4, base=1), event(3, "q2", None, base=1)).headers["x-revision"] == "3"
    )
    assert stored(phone) == [("q1", 3), ("q1", 4), ("q2", None)]
    form = phone.client.get(f"/f/{slot}").text
    assert 'name="q1" value="4" checked' in form
    assert 'name="blank_q2" value="1" checked' in form
    assert len(re.findall(r"<input[^>]* checked", form)) == 2
    assert 'name="revision" value="3"' in form


@pytest.mark.req("CAP-03")
def test_the_language_can_change_in_the_middle(phone: Phone) -> None:
    slot = phone.begin()
    phone.save(slot, event(1, "q1", 3))
    referer = {"referer": f"https://testserver/f/{slot}"}
    response = phone.client.post("/language", data={"lang": "zh_CN"}, headers=referer)
    assert response.headers["location"] == f"/f/{slot}/language/zh_CN"
    switched = phone.client.post(response.headers["location"])
    assert switched.headers["location"] == f"/f/{slot}"
    form = phone.client.get(f"/f/{slot}").text
    assert 'lang="zh-Hans"' in form
    assert 'name="q1" value="3" checked' in form
    for step in ("begin", "submit"):
        assert phone.client.get(f"/f/{slot}/{step}").headers["location"] == f"/f/{slot}"


@pytest.mark.req("CAP-12")
@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"{", 400, "malformed", None),
        (b'{"client":"\xff"}', 400, "malformed", None),
        (b"[]", 422, "bad_field", "body"),
        (b'{"client":"c","events":[],"more":1}', 422, "unknown_field", "more"),
        (b'{"client":"c","events":[]}', 422, "bad_field", "events"),
        (b'{"client":"c","events":{}}', 422, "bad_field", "events"),
        (b'{"client":"","events":[{"seq":1,"base":0,"item":"q1","value":1}]}', 422, "bad_field", "client"),
        (b'{"events":[{"seq":1,"base":0,"item":"q1","value":1}]}', 422, "bad_field", "client"),
        (b'{"client":"c","events":[1]}', 422, "bad_field", "events"),
        (b'{"client":"c","events":[[1,0,"q1",1,null,1]]}', 422, "bad_field", "events"),
        (b'{"client":"c","events":[[1,0,"q1",1,null,1,2]]}', 422, "bad_field", "offline"),
        (b'{"client":"c","events":[[1,0,"q1",1,null,1,false]]}', 422, "bad_field", "offline"),
        (
            b'{"client":"c","events":[[1,0,"q1",1,null,1,0],{"seq":1,"base":0,"item":"q2","value":1}]}',
            422,
            "bad_field",
            "seq",
        ),
        (b'{"client":"c","events":[{"seq":1,"base":0,"item":"q1"}]}', 422, "bad_field", "value"),
        (b'{"client":"c","events":[{"seq":0,"base":0,"item":"q1","value":1}]}', 422, "bad_field", "seq"),
        (b'{"client":"c","events":[{"seq":true,"base":0,"item":"q1","value":1}]}', 422, "bad_field", "seq"),
        (b'{"client":"c","events":[{"seq":1,"base":-1,"item":"q1","value":1}]}', 422, "bad_field", "base"),
        (b'{"client":"c","events":[{"seq":1,"base":0,"item":1,"value":1}]}', 422, "bad_field", "item"),
        (b'{"client":"c","events":[{"seq":1,"base":0,"item":"q1","value":1.0}]}', 422, "bad_field", "value"),
        (b'{"client":"c","events":[{"seq":1,"base":0,"item":"q1","value":true}]}', 422, "bad_field", "value"),
        (
            b'{"client":"c","events":[{"seq":1,"base":0,"item":"q1","value":1,"at":"x"}]}',
            422,
            "bad_field",
            "at",
        ),
        (
            b'{"client":"c","events":[{"seq":1,"base":0,"item":"q1","value":1,"at":7}]}',
            422,
            "bad_field",
            "at",
        ),
        (
            b'{"client":"c","events":[{"seq":1,"base":0,"item":"q1","value":1,"at":"2026-03-02T09:00"}]}',
            422,
            "bad_field",
            "at",
        ),
        (
            b'{"client":"c","events":[{"seq":1,"base":0,"item":"q1","value":1,"x":1}]}',
            422,
            "unknown_field",
            "x",
        ),
        (b'{"client":"c","events":[{"seq":1,"base":0,"item":"q99","value":1}]}', 422, "unknown_item", None),
        (b'{"client":"c","events":[{"seq":1,"base":0,"item":"q1","value":5}]}', 422, "out_of_range", None),
        (b'{"client":"c","events":[{"seq":1,"base":0,"item":"q1","value":"1"}]}', 422, "wrong_kind", None),
        (b'{"client":"c","events":[{"seq":1,"base":0,"item":"q1","value":null,"at":null}]}', 204, None, None),
    ],
)
def test_what_the_runner_would_not_send_is_refused_by_name(
    phone: Phone, body: bytes, status: int, code: str | None, field: str | None
) -> None:
    slot = phone.begin()
    answer = phone.client.post(f"/f/{slot}/answers", content=body)
    assert answer.status_code == status
    if code:
        refusal_body = answer.json()
        assert (refusal_body["code"], refusal_body.get("field")) == (code, field)
        assert code == "malformed" or {"allowed", "low"} & set(refusal_body)


def test_too_many_answers_at_once_are_refused(phone: Phone) -> None:
    slot = phone.begin()
    answer = phone.save(slot, *(event(number, "q1", 1) for number in range(1, 202)))
    assert (answer.status_code, answer.json()["field"]) == (422, "events")


@pytest.mark.req("IAM-03")
def test_saving_says_why_it_cannot(app: FastAPI, phone: Phone, clock: Clock) -> None:
    slot = phone.slot()
    assert phone.save(slot, event(1, "q1", 1)).json() == {"code": "not_begun", "state": "closed"}
    other = invite(app, enrol_only(Person(phone.person.installation, phone.person.site, "0571-002")))
    other.activate()
    foreign = phone.save(other.slot(), event(1, "q1", 1))
    assert (foreign.status_code, foreign.json()) == (404, {"code": "unknown_slot"})
    phone.begin()
    clock.forward(minutes=16)
    assert phone.save(slot, event(1, "q1", 1)).status_code == 401
    phone.client.cookies.clear()
    assert phone.save(slot, event(1, "q1", 1)).status_code == 401
    phone.client.cookies.set("__Host-device", "guess")
    assert phone.save(slot, event(1, "q1", 1)).json()["code"] == "not_signed_in"
    assert stored(phone) == []


@pytest.mark.req("CAP-14", "CAP-16")
def test_the_runner_sends_once_and_learns_of_its_receipt(phone: Phone) -> None:
    slot = phone.begin()
    submitted = phone.client.post(
        f"/f/{slot}/submit",
        data={
            **ANSWERS,
            "submission_id": "s1",
            "revision": "0",
            "reviewed": "1",
            "action": "send",
            "width": "360",
            "at": "2026-03-02T09:31:00.000+08:00",
        },
        headers=JSON,
    )
    assert (submitted.status_code, heading(submitted)) == (200, "Thank you. Your answers are saved.")
    assert "<html" not in submitted.text
    assert re.search(r"<b>[^<]+</b><br>Sent on [^<]+ 2026", submitted.text)
    stored = response(phone)
    assert format_receipt(stored.public_id) in submitted.text
    assert stored.presentation == {"layout": "single", "width": 360, "text_size": "standard"}
    assert phone.send(slot).headers["location"] == f"/f/{slot}/done"
    other = phone.client.post(
        f"/f/{slot}/submit", data={**ANSWERS, "q1": "1", "submission_id": "s2", "reviewed": "1"}, headers=JSON
    )
    assert other.status_code == 409
    assert other.json() == {"code": "already_submitted", "state": "submitted", "receipt": stored.public_id}
    assert phone.save(slot, event(1, "q1", 1)).json()["state"] == "submitted"
    with phone.person.installation.read() as session:
        assert len(session.exec(select(Quarantine)).all()) == 1


def test_without_the_runner_a_form_is_saved_reviewed_and_submitted(phone: Phone) -> None:
    slot = phone.begin()
    saved = phone.send(slot, {"q1": "4", "blank_q2": "1"}, reviewed="0", action="save")
    assert saved.headers["location"] == "/home/saved"
    assert "Your answers are saved." in phone.client.get("/home/saved").text
    lacking = phone.send(slot, {"q1": "4", "q5": "9"}, reviewed="0")
    assert lacking.status_code == 422
    assert "Question 5: please check this answer." in lacking.text
    assert "Question 3: you have not answered this question." in lacking.text
    assert 'name="q1" value="4" checked' in lacking.text
    forgot = phone.review(slot, {"q1": "4"})
    assert (forgot.status_code, "Question 3: you have not answered this question." in forgot.text) == (
        200,
        True,
    )
    assert "Question 5: you have not answered" in forgot.text
    review = phone.review(slot, {"q1": "4", "blank_rest": "1"})
    assert (review.status_code, heading(review)) == (200, "Check your answers")
    assert heading(phone.client.get(f"/f/{slot}/review")) == "Check your answers"  # by the browser's Back
    assert review.text.count("Left blank") == 29
    assert stored(phone)[:2] == [("q1", 4), ("q2", None)]
    assert len(stored(phone)) == 30
    fields = {"q1": "4"} | {f"blank_q{number}": "1" for number in range(2, 31)}
    submitted = phone.send(slot, fields)
    assert submitted.headers["location"] == f"/f/{slot}/done"
    done = phone.client.get(f"/f/{slot}/done")
    assert (heading(done), format_receipt(response(phone).public_id) in done.text) == (
        "Thank you. Your answers are saved.",
        True,
    )
    assert response(phone).presentation == {"layout": "list", "text_size": "standard"}
    back = phone.client.get(f"/f/{slot}/review")
    assert (back.status_code, heading(back)) == (409, "This form was already sent")


def test_a_review_with_gaps_is_refused(phone: Phone) -> None:
    slot = phone.begin()
    body = phone.send(slot, {"q1": "4"})
    assert (body.status_code, "Question 2: you have not answered" in body.text) == (422, True)


def test_what_is_over_is_said_kindly(phone: Phone, clock: Clock) -> None:
    slot = phone.begin()
    assert phone.send(slot).status_code == 303
    again = phone.client.get(f"/f/{slot}")
    assert (again.status_code, heading(again)) == (409, "This form was already sent")
    assert format_receipt(response(phone).public_id) in again.text
    assert "Sent on 2 March 2026, 09:30 from this phone" in again.text
    other = phone.send(slot, {**ANSWERS, "q1": "1"})
    assert (other.status_code, heading(other)) == (409, "This form was already sent")
    assert "Quality of life" in phone.client.get("/sent").text
    phone.person.randomise(date(2026, 3, 2), START)
    early = phone.client.get(f"/f/{phone.slot('W6')}")
    assert (early.status_code, "opens on Monday, 6 April 2026" in early.text) == (409, True)
    clock.forward(days=60)
    phone.client.post("/unlock", data={"pin": "135790"})
    closed = phone.client.get(f"/f/{phone.slot('W6')}")
    assert (closed.status_code, "closed on Monday, 20 April 2026" in closed.text) == (409, True)


def test_a_form_not_begun_leads_back_to_its_beginning(phone: Phone) -> None:
    slot = phone.slot()
    for response in (phone.send(slot), phone.send(slot, reviewed="0")):
        assert (response.status_code, response.headers["location"]) == (303, f"/f/{slot}")


@pytest.mark.req("IAM-03")
def test_the_forms_of_others_are_not_there(app: FastAPI, phone: Phone) -> None:
    other = invite(app, enrol_only(Person(phone.person.installation, phone.person.site, "0571-002")))
    other.activate()
    slot = other.begin()
    assert other.send(slot).status_code == 303
    absent = phone.client.get("/f/nothing-of-this-name")
    for answer in (
        phone.client.get(f"/f/{slot}"),
        phone.client.get(f"/f/{slot}/done"),
        phone.client.post(f"/f/{slot}/begin", data={"who": "self"}),
        phone.send(slot),
    ):
        assert (
            (answer.status_code, heading(answer))
            == (absent.status_code, heading(absent))
            == (
                404,
                "Page not found",
            )
        )


def test_a_photograph_is_no_answer(phone: Phone) -> None:
    slot = phone.begin()
    answer = phone.client.post(
        f"/f/{slot}/submit", data={"submission_id": "s1"}, files={"q1": ("a.png", b"x", "image/png")}
    )
    assert (answer.headers["location"], stored(phone)) == (f"/f/{slot}/review", [])
