"""When too many sign in at once: 503 with Retry-After, in words, and nothing that was typed is lost."""

import pyotp
import pytest
from fastapi import FastAPI
from httpx2 import Response

from app.domain.records.access import SYSTEM, Role
from app.services.core.context import StaffContext
from app.services.core.hashing import RETRY_SECONDS, HashingSlots, SecretHasher
from app.services.core.throttling import SOURCE_TRIES, TRIES
from app.services.setup.studies import create_staff, grant_role
from tests.applications import CHEAP, Clock, open_browser
from tests.faces.participant_browsers import Phone
from tests.markup import parse_page
from tests.scenarios.people import PIN, START, Person

EMAIL, PASSWORD = "nurse@example.org", "correct horse battery"
WORDS = "Many people are signing in at this moment."


def crowd(app: FastAPI) -> None:
    """From now on neither passwords nor PINs find a slot."""
    box = app.state.installation.secret_box
    for kind in ("passwords", "pins"):
        object.__setattr__(box, kind, SecretHasher(CHEAP, HashingSlots(1, -1, 0)))


def must_wait(answer: Response) -> bool:
    assert (answer.status_code, answer.headers["retry-after"]) == (503, str(RETRY_SECONDS))
    return WORDS in answer.text


@pytest.mark.req("SEC-10")
@pytest.mark.usefixtures("founder")
def test_busy_sign_in_asks_staff_to_retry(app: FastAPI) -> None:
    crowd(app)
    credentials = {"email": EMAIL, "password": PASSWORD}
    for _ in range(TRIES):
        assert must_wait(open_browser(app).post("/desk/sign-in", data=credentials))
    answer = open_browser(app).post("/desk/sign-in", data=credentials)
    assert must_wait(answer)
    assert parse_page(answer.text).one("input", name="email").attributes["value"] == EMAIL


@pytest.mark.req("SEC-10")
def test_a_phone_keeps_what_it_sends_while_others_sign_in(app: FastAPI, phone: Phone, clock: Clock) -> None:
    crowd(app)
    fields = {"pin_now": PIN, "pin_new": "246802", "pin_again": "246802"}
    assert must_wait(phone.client.post("/settings/pin", data=fields))
    clock.forward(minutes=16)
    slot = phone.slot("D4")
    answer = phone.client.post(f"/f/{slot}/begin", data={"who": "self", "pin": PIN})
    assert must_wait(answer)
    assert parse_page(answer.text).one("input", name="who").attributes["value"] == "self"
    runner = phone.client.post("/unlock", data={"pin": PIN}, headers={"accept": "application/json"})
    assert (runner.status_code, runner.json()) == (503, {"code": "sign_in_busy"})


@pytest.mark.req("SEC-07", "SEC-10")
def test_a_good_code_and_an_unknown_one_wait_alike(app: FastAPI, guest: Phone) -> None:
    crowd(app)
    answers = []
    for path, code in (
        ("/code", guest.code),
        ("/code", "ABCD2345"),
        (f"/a/{guest.link}", ""),
        ("/a/no-link", ""),
    ):
        answers.append(guest.client.post(path, data={"code": code, "pin": PIN, "pin_again": PIN}))
        assert must_wait(answers[-1])


@pytest.mark.req("IAM-12")
def test_strangers_hold_up_no_browser_that_signed_in_before(
    app: FastAPI, founder: Person, clock: Clock
) -> None:
    """From the hospital's own address, with so many failures that it is braked as a whole."""
    new = create_staff(StaffContext(founder.installation, SYSTEM, START), EMAIL, "Li Na", PASSWORD, "en")
    nurse, stranger = open_browser(app), open_browser(app)
    credentials = {"email": EMAIL, "password": PASSWORD}
    for _ in range(2):
        assert nurse.post("/desk/sign-in", data=credentials).headers["location"] == "/desk/sign-in/code"
        code = pyotp.TOTP(new.totp_secret).at(clock.at)
        entered = nurse.post("/desk/sign-in/code", data={"code": code})
        assert entered.headers["location"] == "/desk"
        assert "__Host-known=" in entered.headers["set-cookie"]
        clock.forward(minutes=1)
        for number in range(SOURCE_TRIES):
            somebody = {"email": EMAIL if number < TRIES else f"{number}@example.org", "password": "guess"}
            stranger.post("/desk/sign-in", data=somebody)
        refused = stranger.post("/desk/sign-in", data={"email": "other@example.org", "password": "guess"})
        assert (refused.status_code, refused.headers["retry-after"].isdecimal()) == (429, True)


def test_a_new_sign_in_ends_the_session_that_the_browser_had(
    app: FastAPI, founder: Person, clock: Clock
) -> None:
    system = StaffContext(founder.installation, SYSTEM, START)
    new = create_staff(system, EMAIL, "Li Na", PASSWORD, "en")
    grant_role(system, new.staff_id, Role.NURSE, "sbrt-nsclc", founder.site.code)
    nurse, copy = open_browser(app), open_browser(app)
    nurse.post("/desk/sign-in", data={"email": EMAIL, "password": PASSWORD})
    nurse.post("/desk/sign-in/code", data={"code": pyotp.TOTP(new.totp_secret).at(clock.at)})
    copy.cookies.update(nurse.cookies)
    assert copy.get("/desk").status_code == 200
    nurse.post("/desk/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert copy.get("/desk").headers["location"] == "/desk/sign-in"
