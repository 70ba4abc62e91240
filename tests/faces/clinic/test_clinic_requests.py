"""What participants ask for, as the nurse sees and closes it."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.domain.records.access import SYSTEM, Role
from app.domain.records.studies import StudyMode
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.team_requests import request_call, request_correction
from app.services.setup.studies import load_study, open_site
from app.storage.queries.participants import get_site_by_code
from tests.applications import Clock
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.markup import Element
from tests.scenarios.people import START, Person, days, enrol_person, site_entry


@pytest.fixture
def stage() -> None:
    """The study is opened here."""


@pytest.fixture
def clinic(app: FastAPI, clock: Clock) -> ClinicFixture:
    installation: Installation = app.state.installation
    clock.at = START
    load_study(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", "1.0", StudyMode.DEMO)
    site = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
    open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0021"))
    return ClinicFixture(app, clock, site, enrol_person(installation, site, "0571-001"))


@pytest.fixture
def asking(app: FastAPI, clinic: ClinicFixture) -> Person:
    """The participant asked for a call and reported a mistake; somebody elsewhere asks for a call, too."""
    installation: Installation = app.state.installation
    person = clinic.person
    person.begin("BL", START)
    person.submit("BL", START)
    request_correction(
        ParticipantContext(installation, person.participant(START), START), person.slot("BL").public_id
    )
    request_call(ParticipantContext(installation, person.participant(START), START - days(1)))
    with installation.read() as session:
        there = get_site_by_code(session, clinic.site.study_id, "0021")
    other = enrol_person(installation, there, "0021-001")
    request_call(ParticipantContext(installation, other.participant(START), START))
    return person


def test_nobody_asks_for_anything(nurse: TestClient) -> None:
    assert "mistake" not in page(nurse, "/desk").one("main").text
    assert "No requests are open." in page(nurse, "/desk/requests").text


@pytest.mark.req("COR-02", "COR-04")
def test_requests_are_listed_oldest_first(clinic: ClinicFixture, nurse: TestClient, asking: Person) -> None:
    front = page(nurse, "/desk")
    assert "Asked for a call" in front.all("tbody")[0].text
    assert "1 participant reported a mistake in a form" in front.text
    assert front.one("nav", **{"aria-label": "Desk"}).all("a", href="/desk/requests")
    shown = page(nurse, "/desk/requests")
    cards = shown.all("section", class_="card")
    assert [card.one("h2").text for card in cards] == ["0571-001", "0571-001"]
    assert "Asks to be called" in cards[0].text
    assert "Quality of life · BL" in cards[1].text
    assert cards[1].all("a", href=f"{clinic.url}/forms/{asking.slot('BL').public_id}")
    assert cards[1].one("input", name="outcome").get("required") == ""
    assert cards[0].all("input", name="outcome") == [], "a call closes it"
    assert cards[0].one("a", class_="btn sec")["href"] == f"{clinic.url}/contacts?back=participant"


@pytest.mark.req("COR-02", "COR-04")
@pytest.mark.usefixtures("asking")
def test_requests_are_closed_with_their_outcome(clinic: ClinicFixture, nurse: TestClient) -> None:
    cards = page(nurse, "/desk/requests").all("section", class_="card")
    correction = cards[1].one("form")["action"]
    unlogged = nurse.post("/desk/requests/2", data={"outcome": "called"})
    assert (unlogged.status_code, "Please log the call that reached them." in unlogged.text) == (422, True)
    assert nurse.post(f"{clinic.url}/contacts", data={"outcome": "reached_will_do"}).status_code == 303
    call = page(nurse, "/desk/requests").all("section", class_="card")[0].one("form")["action"]
    empty = nurse.post(correction, data={"outcome": " "})
    assert (empty.status_code, "Please write the outcome." in empty.text) == (422, True)
    assert nurse.post(correction, data={"outcome": "x" * 401}).status_code == 422
    named = nurse.post(correction, data={"outcome": "called 0571 8700 0000"})
    assert (named.status_code, "This seems to hold a telephone number" in named.text) == (422, True)
    done = nurse.post(call)
    assert (done.status_code, done.headers["location"]) == (303, "/desk/requests?done=1")
    assert nurse.post(call).status_code == 409
    assert nurse.post(correction, data={"outcome": "noted on paper of 0571-001"}).status_code == 303
    assert "The request has been closed." in page(nurse, "/desk/requests?done=1").text
    assert "No requests are open." in page(nurse, "/desk/requests").text


def walk(client: TestClient, url: str) -> list[tuple[str, Element]]:
    """The pages of a list with their addresses, as its reader goes on from one to the next."""
    pages = []
    while url:
        shown = page(client, url)
        pages.append((url, shown))
        url = next((str(each["href"]) for each in shown.all("a") if each.text == "Next page"), "")
    return pages


@pytest.mark.req("COR-02")
@pytest.mark.usefixtures("asking")
def test_requests_go_on_page_by_page_and_site_by_site(
    clinic: ClinicFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("app.services.clinic.open_requests", "app.clinic.participant_requests"):
        monkeypatch.setattr(f"{module}.LISTED", 1)
    everywhere = clinic.browser(Role.INVESTIGATOR, site=None)
    for chosen, subjects in (("", ["0571-001", "0571-001", "0021-001"]), ("?site=0571", ["0571-001"] * 2)):
        walked = walk(everywhere, f"/desk/requests{chosen}")
        cards = [card for _url, shown in walked for card in shown.all("section", class_="card")]
        assert sorted(card.one("h2").text for card in cards) == sorted(subjects)
    list_url, shown = walk(everywhere, "/desk/requests?site=0571")[-1]
    last = shown.one("section", class_="card").one("form")
    assert last.one("input", name="list")["value"] == list_url
    assert list_url.startswith("/desk/requests?site=0571&after=")
    done = everywhere.post(last["action"], data={"outcome": "is right as it is", "list": list_url})
    assert done.headers["location"] == f"{list_url}&done=1"
    for lists in (
        "requests",
        "alerts",
        "corrections",
        "access",
        "alerts?closed=1&after=0_1_1",
        "access?after=x",
    ):
        mark = "&" if "?" in lists else "?"
        narrowed = page(everywhere, f"/desk/{lists}{mark}site=0021")
        assert "0571-001" not in narrowed.one("main").text
        assert narrowed.one("select", name="site").one("option", selected="")["value"] == "0021"
    assert "Nothing found" in page(everywhere, "/desk/requests?site=9999").text


@pytest.mark.req("IAM-03")
@pytest.mark.usefixtures("asking")
def test_requests_are_those_of_ones_own_site(clinic: ClinicFixture, nurse: TestClient) -> None:
    assert "0021-001" not in page(nurse, "/desk/requests").text
    assert clinic.browser(Role.NURSE, "0021").get("/desk/requests").text.count("0021-001") == 1
    assert nurse.post("/desk/requests/3", data={"outcome": "mine"}).status_code == 404
    everywhere = clinic.browser(Role.INVESTIGATOR, site=None)
    sheet = page(everywhere, "/desk/call-sheet?reason=call").one("tbody").text
    assert ("Hospital 0571" in sheet, "Hospital 0021" in sheet) == (True, True)  # as on Today
    monitor = clinic.browser(Role.MONITOR)
    assert monitor.get("/desk/requests").status_code == 403
    assert "/desk/requests" not in monitor.get("/desk").text


def test_the_list_speaks_chinese(app: FastAPI, clinic: ClinicFixture) -> None:
    request_call(ParticipantContext(app.state.installation, clinic.person.participant(START), START))
    reader = clinic.browser(Role.NURSE, language="zh_CN")
    assert "希望回电" in page(reader, "/desk").text
    assert "希望回电" in page(reader, "/desk/requests").text
