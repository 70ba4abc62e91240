"""The clinic's tablet from hand to hand: no page of staff is reached from it until somebody signs in anew."""

import pyotp
import pytest
from fastapi.testclient import TestClient

from app.domain.records.access import SYSTEM, Role
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff, grant_role
from app.web.cookies import PREFIX
from app.web.dependencies import LANGUAGE_COOKIE
from app.web.urls import DEVICE_COOKIE
from tests.applications import open_browser
from tests.faces.clinics import PASSWORD, ClinicFixture
from tests.faces.desk_pages import page
from tests.faces.participant_browsers import ANSWERS, heading
from tests.markup import parse_page
from tests.scenarios.people import PIN, START

DEVICE, LANGUAGE = f"{PREFIX}{DEVICE_COOKIE}", f"{PREFIX}{LANGUAGE_COOKIE}"
HOME, BACK, ENTRANCE = "/home", "/handed-back", "/desk/sign-in"


class Tablet:
    """The clinic's tablet with a nurse who signs in on it."""

    def __init__(self, clinic: ClinicFixture, client: TestClient | None = None) -> None:
        installation: Installation = clinic.app.state.installation
        new = create_staff(
            StaffContext(installation, SYSTEM, START), "ann@example.org", "Ann", PASSWORD, "en"
        )
        grant_role(StaffContext(installation, SYSTEM, START), new.staff_id, Role.NURSE, "sbrt-nsclc", "0571")
        self.clinic, self.secret, self.client = clinic, new.totp_secret, client or open_browser(clinic.app)
        self.sign_in()

    def sign_in(self) -> None:
        self.clinic.clock.forward(minutes=1)
        code = pyotp.TOTP(self.secret).generate_otp(int(self.clinic.clock.at.timestamp()) // 30)
        self.client.post(ENTRANCE, data={"email": "ann@example.org", "password": PASSWORD})
        assert self.client.post(f"{ENTRANCE}/code", data={"code": code}).headers["location"] == "/desk"

    def hand_over(self, slot: str = "") -> str:
        """Up to the participant's first page; where they are led when they have confirmed who they are."""
        handed = self.client.post(f"{self.clinic.url}/hand-over", data={"slot": slot})
        link = handed.headers["location"]
        assert heading(self.client.get(link)) == "Your study team has handed you this tablet"
        return self.client.post(link, data={"pin": PIN}).headers["location"]

    def leads_to(self, url: str) -> str:
        answer = self.client.get(url)
        return answer.headers.get("location", "").partition("?")[0] if answer.status_code == 303 else url

    def reaches_staff(self) -> bool:
        """Whether any page of staff opens: the list, the participant, the form."""
        urls = ("/desk", self.clinic.url, f"{self.clinic.url}/hand-over", "/desk/participants")
        return any(self.leads_to(url) != ENTRANCE for url in urls)


@pytest.mark.req("IAM-08")
def test_the_tablet_shows_the_form_alone_until_it_is_submitted(clinic: ClinicFixture) -> None:
    tablet, slot = Tablet(clinic), clinic.person.slot("BL").public_id
    offered = page(tablet.client, f"{clinic.url}/hand-over").all("input", type="radio", name="slot")
    assert [each["value"] for each in offered] == ["", slot]
    assert tablet.hand_over(slot) == f"/f/{slot}"
    assert not tablet.reaches_staff()
    assert tablet.client.post(f"/f/{slot}/begin", data={"who": "self"}).status_code == 303
    sending = {**ANSWERS, "submission_id": "s1", "reviewed": "1", "action": "send"}
    response = tablet.client.post(f"/f/{slot}/submit", data=sending)
    assert response.headers["location"] == BACK
    assert heading(tablet.client.get(BACK)) == "Please give the tablet back"
    assert {tablet.leads_to(url) for url in (HOME, f"/f/{slot}", f"/f/{slot}/done", "/settings")} == {BACK}
    assert not tablet.reaches_staff()
    tablet.sign_in()
    history = page(tablet.client, f"{clinic.url}/forms/{slot}").one("main").text
    assert "on the clinic's tablet" in history
    assert DEVICE not in tablet.client.cookies


@pytest.mark.req("IAM-08")
def test_idle_and_returned_tablets_show_nothing(clinic: ClinicFixture) -> None:
    tablet = Tablet(clinic)
    assert tablet.hand_over() == HOME
    assert "give the tablet back" in tablet.client.get(HOME).text
    clinic.clock.forward(minutes=16)
    assert (tablet.leads_to(HOME), tablet.leads_to("/settings")) == (BACK, BACK)
    runner = {"accept": "application/json"}
    response = tablet.client.post("/f/any/late", json={"client": "c1", "kept": []}, headers=runner)
    assert (response.status_code, response.json()["code"]) == (401, "hand_over_ended")
    tablet.sign_in()
    assert tablet.hand_over() == HOME
    assert tablet.client.post("/settings/leave").headers["location"] == BACK
    assert tablet.leads_to(HOME) == BACK


def test_answers_that_arrive_on_an_idle_tablet_wait_for_the_second_check(clinic: ClinicFixture) -> None:
    """Without the runner they are carried along; the runner's page asks for the PIN beside itself."""
    tablet, slot = Tablet(clinic), clinic.person.slot("BL").public_id
    tablet.hand_over(slot)
    tablet.client.post(f"/f/{slot}/begin", data={"who": "self"})
    clinic.clock.forward(minutes=16)
    assert heading(tablet.client.get(f"/f/{slot}?confirm")) == "You were away for a while"
    confirmed = tablet.client.post("/unlock", data={"pin": PIN, "back": f"/f/{slot}"})
    assert confirmed.headers["location"] == f"/f/{slot}"
    clinic.clock.forward(minutes=16)
    sending = {**ANSWERS, "submission_id": "s1", "reviewed": "1", "action": "send"}
    late = tablet.client.post(f"/f/{slot}/submit", data=sending)
    assert (late.status_code, parse_page(late.text).one("input", name="q1")["value"]) == (401, ANSWERS["q1"])
    assert tablet.client.post(f"/f/{slot}/submit", data={**sending, "pin": PIN}).headers["location"] == BACK
    assert clinic.person.slot("BL").submitted_at == clinic.clock.at


def test_the_runner_gets_the_instruction_to_return_the_tablet(clinic: ClinicFixture) -> None:
    tablet, slot = Tablet(clinic), clinic.person.slot("BL").public_id
    tablet.hand_over()
    tablet.client.post(f"/f/{slot}/begin", data={"who": "self"})
    sending = {**ANSWERS, "submission_id": "s1", "reviewed": "1", "action": "send"}
    thanks = tablet.client.post(f"/f/{slot}/submit", data=sending, headers={"accept": "application/json"})
    assert "Please give the tablet back" in thanks.text
    assert "Back to my forms" not in thanks.text


def test_participants_who_are_bound_on_the_tablet_wait_aside(clinic: ClinicFixture) -> None:
    client = open_browser(clinic.app)
    client.cookies.set(DEVICE, clinic.person.cookie, domain="testserver.local", path="/")
    tablet = Tablet(clinic, client)
    tablet.hand_over()
    assert "another participant" not in tablet.client.get("/settings/people").text
    tablet.sign_in()
    assert tablet.client.cookies[DEVICE] == clinic.person.cookie
    assert clinic.person.participant(clinic.clock.at).locked


def test_nobody_who_is_bound_is_open_before_the_participant_has_confirmed(clinic: ClinicFixture) -> None:
    """Also when nobody confirms: then the browser is theirs again when staff sign in."""
    client = open_browser(clinic.app)
    client.cookies.set(DEVICE, clinic.person.cookie, domain="testserver.local", path="/")
    tablet = Tablet(clinic, client)
    for _ in range(2):
        client.post(f"{clinic.url}/hand-over", data={"slot": ""})
        assert (DEVICE in client.cookies, client.get(HOME).status_code) == (False, 401)
        assert clinic.person.participant(clinic.clock.at).put_down
        tablet.sign_in()
        assert client.cookies[DEVICE] == clinic.person.cookie


def test_the_language_of_the_one_before_is_nobody_else_s_choice(clinic: ClinicFixture) -> None:
    """What the desk or the participant before was read in is not stored as the next one's own."""
    tablet, own = Tablet(clinic), clinic.person.row().language
    other = "en" if own != "en" else "zh_CN"
    tablet.client.cookies.set(LANGUAGE, other, domain="testserver.local", path="/")
    tablet.hand_over()
    assert clinic.person.row().language == own
    tablet.sign_in()
    assert LANGUAGE not in tablet.client.cookies


def test_a_form_that_is_not_open_is_not_handed_over(clinic: ClinicFixture) -> None:
    tablet = Tablet(clinic)
    waits = clinic.person.slot("W6").public_id
    refused = tablet.client.post(f"{clinic.url}/hand-over", data={"slot": waits})
    assert (refused.status_code, heading(refused)) == (409, "Hand over the tablet")
    assert parse_page(refused.text).one("fieldset", id="slot")["aria-invalid"] == "true"
    assert tablet.reaches_staff()
