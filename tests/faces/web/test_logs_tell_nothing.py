"""What a whole visit of a participant and a nurse leaves in the log: routes and numbers, nobody's secrets."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pyotp
import pytest
from fastapi import FastAPI

from app.domain.records.access import SYSTEM
from app.services.accounts.contacts import ContactChannel
from app.services.core.context import StaffContext
from app.services.schedule.enrolment import enrol_participant
from app.services.setup.studies import create_staff
from app.web import urls
from app.web.middleware.logs import configure_logging
from tests.applications import Clock, open_browser
from tests.faces.participant_browsers import Phone, event, invite
from tests.scenarios.people import PIN, START, Person, enrolment_entry

WRONG_PIN, NEW_PIN = "908172", "246802"
ADDRESS, AGENT = "li.na.patient@example.org", "HerOwnTelephone/7"
STAFF, PASSWORD = "nurse.wang@example.org", "correct horse battery"
KNOWN = {"event", "level", "timestamp", "id", "method", "route", "status", "ms", "error", "where", "denied"}

ROUTES = set(
    "/a/{link} /code /f/{slot}/begin /f/{slot}/answers /unlock /settings/pin /f/{slot}/submit /settings "
    "/broken - /settings/leave /desk/sign-in /desk/sign-in/code /desk/participants/{participant}".split()
)


def broken() -> None:
    raise ValueError(f"{ADDRESS} {PIN} q1=4")


def failing() -> None:
    """As the server tells of a failure in the application."""
    try:
        broken()
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")


@pytest.fixture
def lines(app: FastAPI) -> Iterator[io.StringIO]:
    """The log, of an application that can fail."""
    app.add_api_route("/broken", broken)
    stream = io.StringIO()
    configure_logging(stream)
    yield stream
    configure_logging()


def visit(phone: Phone, clock: Clock) -> None:
    """In, an answer, the lock with a wrong PIN and the right one, sending, settings, out."""
    client = phone.client
    client.get(f"/a/{phone.link}?name={ADDRESS}")
    client.post("/code", data={"code": "ABCD2345", "pin": WRONG_PIN})
    phone.activate()
    slot = phone.begin()
    phone.save(slot, event(1, "q1", 4))
    phone.save(slot, event(2, "q1", "not a number"))
    clock.forward(minutes=16)
    client.post("/unlock", data={"pin": WRONG_PIN})
    client.post("/unlock", data={"pin": PIN})
    client.post("/settings/pin", data={"pin_now": PIN, "pin_new": NEW_PIN, "pin_again": NEW_PIN})
    assert phone.send(slot).status_code == 303
    client.get("/settings")
    client.get("/broken")
    client.get(f"/nobody/{phone.link}/{phone.person.subject}")
    client.post("/settings/leave")


@pytest.mark.req("PRI-06", "IAM-03")
def test_a_whole_visit_leaves_no_answer_name_address_or_secret_in_the_log(
    app: FastAPI, founder: Person, clock: Clock, lines: io.StringIO
) -> None:
    entry = replace(enrolment_entry(founder.subject), channel=ContactChannel.email, address=ADDRESS)
    enrol_participant(StaffContext(founder.installation, founder.nurse, START), founder.site, entry)
    phone = invite(app, founder)
    phone.client.headers["user-agent"] = AGENT
    visit(phone, clock)
    new = create_staff(StaffContext(founder.installation, SYSTEM, START), STAFF, "Wang Fang", PASSWORD, "en")
    code = pyotp.TOTP(new.totp_secret).generate_otp(int(clock.at.timestamp()) // 30)
    desk = open_browser(app)
    desk.post("/desk/sign-in", data={"email": STAFF, "password": PASSWORD})
    assert desk.post("/desk/sign-in/code", data={"code": code}).headers["location"] == "/desk"
    elsewhere = desk.get(f"/desk/participants/{founder.row().public_id}")
    assert elsewhere.status_code == 404
    failing()
    logged = lines.getvalue()
    entries = [json.loads(line) for line in logged.splitlines()]
    assert len(entries) > 15
    assert [each["error"] for each in entries if "error" in each] == ["ValueError"]
    assert [each["status"] for each in entries if each.get("route") == "/broken"] == [500]
    denied = [(each["route"], each["denied"]) for each in entries if "denied" in each]
    assert denied == [(urls.PARTICIPANT, f"staff:{new.staff_id}")]  # also where there is nobody of that id
    assert {name for each in entries for name in each} <= KNOWN
    assert {each["route"] for each in entries if "route" in each} == ROUTES
    # A request's own id is drawn at random and may hold any two letters.
    logged = json.dumps([{name: each[name] for name in each if name != "id"} for each in entries])
    row = founder.row()
    secrets = (phone.link, phone.code, PIN, WRONG_PIN, NEW_PIN, PASSWORD, new.totp_secret, "ABCD2345")
    people = (founder.subject, row.public_id, ADDRESS, "Wang", STAFF, AGENT, "5550000")
    answers = ("q1", "not a number", phone.slot(), row.pin_hash or "-")
    assert [marker for marker in (*secrets, *people, *answers) if marker in logged] == []
