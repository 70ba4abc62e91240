"""A form that brings along the answers whose saving nobody waited for."""

import json
from datetime import timedelta

import pytest
from httpx2 import Response
from sqlmodel import select

from app.domain.plans.plan import Owner
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.services.core.context import StaffContext
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.engine import autocommit_engine
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import AnswerEvent, Quarantine
from app.storage.tables.capture import Response as Sent
from tests.applications import Clock
from tests.faces.participant_browsers import ANSWERS, Phone, event, heading
from tests.markup import parse_page
from tests.scenarios.people import PIN, START
from tests.statement_log import record_statements, statement_verbs

SHOWN = "2026-03-02T10:00:05.000+08:00"
TWICE = [event(1, "q1", 3), event(2, "q1", 2, base=1)]
"""A mind that was changed just before sending: the form itself tells only the second answer."""


def send(
    phone: Phone, slot: str, events: object, at: str = SHOWN, phone_clock: str = SHOWN, offline: str = ""
) -> Response:
    fields = {
        "submission_id": "c1",
        "reviewed": "1",
        "at": at,
        "sent": phone_clock,
        "events": json.dumps(events),
    }
    fields |= {"offline": offline} if offline else {}
    return phone.client.post(
        f"/f/{slot}/submit", data={**ANSWERS, **fields}, headers={"accept": "application/json"}
    )


def list_stored(phone: Phone) -> list[tuple[str, int, str, int | None]]:
    with phone.person.installation.read() as session:
        rows = session.exec(select(AnswerEvent).where(AnswerEvent.item == "q1").order_by("revision")).all()
        return [(row.client, row.seq, row.item, row.value) for row in rows]


@pytest.mark.req("AUD-05", "CAP-16")
def test_the_trail_has_every_answer_that_came_along(phone: Phone) -> None:
    slot = phone.begin()
    response = send(phone, slot, TWICE)
    assert (response.status_code, heading(response)) == (200, "Thank you. Your answers are saved.")
    assert list_stored(phone) == [("c1", 1, "q1", 3), ("c1", 2, "q1", 2)]
    with phone.person.installation.read() as session:
        events = [entry.event for entry in session.exec(select(AuditEntry).order_by("id")).all()]
        assert events[-2:] == [AuditEvent.ANSWER_SAVED, AuditEvent.FORM_SUBMITTED]
        assert session.exec(select(Sent)).one().answers["q1"] == 2


@pytest.mark.parametrize("idle_minutes", [0, 2])
def test_a_form_is_sent_and_thanked_for_with_one_read(phone: Phone, clock: Clock, idle_minutes: int) -> None:
    slot, engine = phone.begin(), phone.person.installation.engine
    clock.at += timedelta(minutes=idle_minutes)
    with record_statements(engine, autocommit_engine(engine)) as statements:
        assert phone.send(slot, reviewed="1").status_code == 303
    verbs = statement_verbs(statements)
    assert [each for each in statements if each.startswith("SELECT")][1:] == [
        each for each in statements if "FROM feed_head" in each
    ]
    assert verbs.count("INSERT") == 4  # entry, answers, response, event
    assert verbs.count("UPDATE") == 3 + (idle_minutes > 0)  # head, slot, head of the feed


@pytest.mark.req("OFF-02")
def test_what_was_saved_meanwhile_is_not_saved_again(phone: Phone) -> None:
    slot = phone.begin()
    phone.save(slot, TWICE[0])
    assert send(phone, slot, TWICE).status_code == 200
    assert send(phone, slot, TWICE).status_code == 200  # the answer to the first was lost on its way
    assert list_stored(phone) == [("c1", 1, "q1", 3), ("c1", 2, "q1", 2)]
    late = phone.save(slot, *TWICE)
    assert (late.status_code, late.json()["state"]) == (409, "submitted")
    assert len(list_stored(phone)) == 2


@pytest.mark.req("OFF-04")
def test_a_form_submitted_in_time_and_arriving_late_is_complete(phone: Phone, clock: Clock) -> None:
    """Nothing can be saved any more when it arrives; the form was sent in its window, and holds them all."""
    slot = phone.begin()
    window = phone.person.slot("BL")
    assert window.closes_at
    assert window.grace_until
    clock.at = window.grace_until
    phone.client.post("/unlock", data={"pin": PIN})
    pressed = (window.closes_at - timedelta(seconds=1)).isoformat()
    assert (
        send(phone, slot, TWICE, at=pressed, phone_clock=clock.at.isoformat(), offline="1").status_code == 200
    )
    assert list_stored(phone) == [("sent:c1", 1, "q1", 2)]


def test_a_form_submitted_after_an_exit_is_quarantined(phone: Phone) -> None:
    """The disposition was recorded while they answered, as of a day before the form opened."""
    slot, person = phone.begin(), phone.person
    death = DispositionEntry(DispositionKind.death, "2026-03-02", Owner.site)
    record_disposition(
        StaffContext(person.installation, person.nurse, START), person.site.study_id, person.subject, death
    )
    refused = send(phone, slot, TWICE)
    assert (refused.status_code, refused.json()["state"]) == (409, "kept")
    assert list_stored(phone) == []
    with person.installation.read() as session:
        assert session.exec(select(Quarantine)).one().answers["q1"] == 2


@pytest.mark.req("CAP-14", "OFF-04")
@pytest.mark.parametrize("button", [{"action": "send"}, {"action": "save"}, {"lang": "zh_CN"}])
def test_a_page_that_comes_too_late_without_the_runner_is_kept_apart(
    phone: Phone, clock: Clock, button: dict[str, str]
) -> None:
    """Whichever button was pressed, and whoever waited at the second check on the way."""
    slot, until = phone.begin(), phone.person.slot("BL").grace_until
    assert until is not None
    clock.at = until
    locked = phone.send(slot, {"q1": "2"}, reviewed="", **button)
    assert locked.status_code == 401
    carried = {each["name"]: each["value"] for each in parse_page(locked.text).all("input", type="hidden")}
    notice = phone.client.post(f"/f/{slot}/submit", data={**carried, "pin": PIN})
    assert (notice.status_code, heading(notice)) == (409, "Your answers have arrived")
    assert "closed on Monday, 30 March 2026" in notice.text
    with phone.person.installation.read() as session:
        assert session.exec(select(Quarantine)).one().answers == {"q1": 2}


def test_a_page_that_differs_from_what_was_sent_elsewhere_says_that_it_is_kept(phone: Phone) -> None:
    slot = phone.begin()
    assert phone.send(slot).status_code == 303
    differs = "What you entered here is different."
    same = phone.send(slot, {"q1": "2"}, reviewed="", submission_id="s2")
    assert (same.status_code, heading(same)) == (409, "This form was already sent")
    assert differs not in same.text
    for reviewed in ("", "1"):
        other = phone.send(slot, {**ANSWERS, "q1": "3"}, reviewed=reviewed, submission_id="s2")
        assert (other.status_code, differs in other.text) == (409, True)


def test_who_left_is_told_no_closing_day_of_what_they_still_send(phone: Phone, clock: Clock) -> None:
    slot, person = phone.begin(), phone.person
    clock.forward(minutes=1)
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, "2026-03-02", Owner.site, "asked to")
    record_disposition(
        StaffContext(person.installation, person.nurse, clock.at),
        person.site.study_id,
        person.subject,
        withdrawal,
    )
    clock.forward(minutes=1)
    notice = phone.send(slot, {"q1": "2"}, reviewed="")
    assert (notice.status_code, heading(notice)) == (409, "Your answers have arrived")
    assert "no more forms were expected from you" in notice.text
    assert "closed on" not in notice.text


@pytest.mark.parametrize(
    ("events", "code", "field"),
    [
        ("x", "bad_field", "events"),
        ([], "bad_field", "events"),
        ([event(1, "q1", 1), event(1, "q1", 1)], "bad_field", "seq"),
        ([event(1, "q77", 1)], "unknown_item", None),
        ([event(1, "q1", 9)], "out_of_range", None),
        ([{**TWICE[0], "offline": True, "sum": 1}], "bad_field", "offline"),
    ],
)
def test_what_the_runner_would_not_send_along_is_refused_by_name(
    phone: Phone, events: object, code: str, field: str | None
) -> None:
    slot = phone.begin()
    refused = send(phone, slot, events)
    assert (refused.status_code, refused.json()["code"], refused.json().get("field")) == (422, code, field)
    assert list_stored(phone) == []
    broken = phone.send(slot, None, events="{")
    assert (broken.status_code, "events" in broken.text) == (422, True)


@pytest.mark.parametrize("body", [b"q1=%FF", b"q1=\xff", b"&".join([b"q1=1"] * 1001)])
def test_what_no_browser_sends_is_not_read(phone: Phone, body: bytes) -> None:
    plain = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    refused = phone.client.post(f"/f/{phone.begin()}/submit", content=body, headers=plain)
    assert (refused.status_code, "This could not be read." in refused.text) == (400, True)


def test_the_runner_gets_the_refusal_of_impossible_answers(phone: Phone) -> None:
    slot = phone.begin()
    for fields, code in (
        ({"q1": "9", "reviewed": "1"}, "invalid_answers"),
        ({"q1": "2", "reviewed": "1"}, "unanswered"),
        ({"q1": "2"}, "not_reviewed"),
        ({"q1": "2", "q77": "1"}, "unknown_field"),
        ({"q1": "2", "blank_q77": "1"}, "unknown_field"),
        ({"q1": "2", "tick_q1": "1"}, "unknown_field"),
        ({"q1": "2", "revision": "-1"}, "bad_field"),
        ({"q1": "2", "at": "yesterday"}, "bad_field"),
        ({"q1": "2", "width": "x"}, "bad_field"),
        ({"q1": "2", "submission_id": "not a name"}, "bad_field"),
    ):
        body = phone.client.post(
            f"/f/{slot}/submit",
            data={"submission_id": "s1", **fields},
            headers={"accept": "application/json"},
        )
        assert (body.status_code, body.json()["code"]) == (422, code)
