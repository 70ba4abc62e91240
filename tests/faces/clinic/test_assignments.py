"""Assigning participants as staff meet it: ticked rows of Today, the page of one, the filter, the trail."""

import pytest
from fastapi.testclient import TestClient

from app.domain.records.access import SYSTEM, Role, read_staff_number
from app.services.core.context import ParticipantContext, StaffContext
from app.services.patient.team_requests import request_call
from app.services.setup.studies import create_staff, disable_staff, grant_role
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.scenarios.beginnings import PERSON
from tests.scenarios.people import START
from tests.stages import Stage

ME, NOBODY = "/desk?reason=&assigned=me", "/desk?reason=&assigned=nobody"


@pytest.fixture
def stage() -> Stage:
    return PERSON


@pytest.fixture
def zhao(clinic: ClinicFixture) -> str:
    """The number of a colleague at the site, where the participant asks for a call."""
    person = clinic.person
    request_call(ParticipantContext(person.installation, person.participant(START), START))
    operator = StaffContext(person.installation, SYSTEM, START)
    account = create_staff(operator, "zhao@example.org", "Zhao Min", "a long enough password", "en")
    grant_role(operator, account.staff_id, Role.NURSE, "sbrt-nsclc", clinic.site.code)
    return str(account.staff_id)


def rows(client: TestClient, url: str = "/desk?reason=") -> list[str]:
    """What the rows of the list say."""
    return [row.text for body in page(client, url).all("tbody") for row in body.all("tr")]


def test_ticked_rows_are_assigned_and_an_old_page_is_told(
    clinic: ClinicFixture, nurse: TestClient, zhao: str
) -> None:
    shown = page(nurse, "/desk?reason=")
    (box,) = [each["name"] for each in shown.all("input", form="bulk") if each["name"].startswith("remind-")]
    chooser = shown.one("select", form="bulk")
    assert "Zhao Min" in chooser.text
    typed = {box: "", "assignee": zhao}
    done = nurse.post("/desk/assignments", data=typed)
    assert (done.status_code, done.headers["location"]) == (303, "/desk?done=assigned")
    assert "The assignment is saved." in page(nurse, "/desk?done=assigned").text
    (row,) = rows(nurse)
    assert "Assigned to: Zhao Min" in row
    assert nurse.post("/desk/assignments", data=typed).status_code == 303  # it is so already
    old = nurse.post("/desk/assignments", data=typed | {"assignee": "nobody"})
    assert old.status_code == 409
    assert "Somebody changed this assignment meanwhile." in old.text
    assert "Nobody was assigned" in old.text
    for wrong, words in (({box: "", "assignee": ""}, "Please choose a colleague"), ({}, "colleague")):
        refused = nurse.post("/desk/assignments", data=wrong)
        assert (refused.status_code, words in refused.text) == (422, True)
    strange = nurse.post("/desk/assignments", data={"remind-x": "", "assignee": zhao})
    assert strange.status_code == 404
    assert nurse.post("/desk/reminders", data={box: ""}).status_code == 409  # no form to remind of
    assert rows(nurse, NOBODY) == []
    assert "Nobody found with these filters." in page(nurse, NOBODY).text
    assert "Only some participants are shown." in page(nurse, NOBODY).text
    assert rows(nurse, "/desk?reason=&assigned=nonsense") == rows(nurse)
    sheet = page(nurse, "/desk/call-sheet?assigned=nobody")
    assert clinic.person.subject not in sheet.one("main").text
    disable_staff(
        StaffContext(clinic.person.installation, SYSTEM, START), "zhao@example.org", "left the hospital"
    )
    (row,) = rows(nurse, NOBODY)
    assert "Zhao Min" not in row


def test_one_is_assigned_on_their_own_page_and_the_history_says_to_whom(
    clinic: ClinicFixture, nurse: TestClient, zhao: str
) -> None:
    assert "Nobody" in page(nurse, clinic.url).one("dl", class_="facts").text
    form = page(nurse, f"{clinic.url}/assignment")
    assert form.all("input", name="shown") == []
    refused = nurse.post(f"{clinic.url}/assignment", data={"assignee": "x"})
    assert (refused.status_code, "Please choose a colleague" in refused.text) == (422, True)
    absent = nurse.post(f"{clinic.url}/assignment", data={"assignee": "9999"})
    assert (absent.status_code, "does not work at" in absent.text) == (409, True)
    done = nurse.post(f"{clinic.url}/assignment", data={"assignee": zhao})
    assert done.headers["location"] == f"{clinic.url}?done=assigned"
    assert "Zhao Min" in page(nurse, f"{clinic.url}?done=assigned").one("dl", class_="facts").text
    old = nurse.post(f"{clinic.url}/assignment", data={"assignee": "nobody"})
    assert (old.status_code, "meanwhile" in old.text) == (409, True)
    assert page(nurse, f"{clinic.url}/assignment").one("input", name="shown")["value"] == zhao
    history = page(nurse, f"{clinic.url}/history").text
    assert "Assigned on Today: Zhao Min" in history
    mine = rows(nurse, ME)
    assert mine == []
    assert rows(nurse, "/desk") == []  # remembered
    assert len(rows(nurse)) == 1
    assert read_staff_number(f"staff:{zhao}") == int(zhao)
