"""Today as a nurse meets it: the list, its address, the log under a row, rows that rest, the call sheet."""

import gzip

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event

from app.domain.records.access import SYSTEM, Role
from app.domain.records.studies import StudyMode
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.team_requests import request_call
from app.services.setup.studies import load_study, open_site
from tests.applications import Clock
from tests.faces.test_clinic import ClinicFixture, page
from tests.markup import parsed
from tests.services.people import START, Person, days, enrolled, site_entry

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def clinic(app: FastAPI, clock: Clock) -> ClinicFixture:
    made: Installation = app.state.installation
    clock.at = START
    load_study(StaffContext(made, SYSTEM, START), "sbrt-nsclc", "1.0", StudyMode.DEMO)
    site = open_site(StaffContext(made, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
    return ClinicFixture(app, clock, site, enrolled(made, site, "0571-001"))


@pytest.fixture
def calling(clinic: ClinicFixture) -> Person:
    """The participant asks for a call."""
    person = clinic.person
    request_call(ParticipantContext(person.installation, person.participant(START), START))
    return person


@pytest.fixture
def nurse(clinic: ClinicFixture) -> TestClient:
    return clinic.browser(Role.NURSE)


def rows(client: TestClient, url: str = "/desk") -> list[str]:
    """What the rows of the list say."""
    return [row.text for body in page(client, url).all("tbody") for row in body.all("tr")]


def test_nothing_to_do_is_told_from_nothing_found(nurse: TestClient) -> None:
    assert "Nothing to do today." in page(nurse, "/desk").text
    found = page(nurse, "/desk?reason=&q=999").text
    assert "Nobody found with these filters." in found
    assert "Nothing to do today." not in found


@pytest.mark.usefixtures("calling")
def test_a_row_says_why_what_and_until_when(nurse: TestClient) -> None:
    (row,) = rows(nurse)
    assert "Asked for a call" in row
    assert "0 of 30 answered" in row
    assert "day 1 of 29, target day 1" in row
    assert "0 of 3" in row
    fragment = nurse.get("/desk?reason=", headers=FRAGMENT).text
    assert "<html" not in fragment
    assert "1 participant<" in fragment
    assert rows(nurse, "/desk?reason=diary") == []
    assert rows(nurse, "/desk?reason=nonsense&after=x_y_z") == [row]
    assert rows(nurse, f"/desk?reason=&after=1_{'9' * 18}_1") == [row]


@pytest.mark.usefixtures("calling")
def test_filters_are_remembered_until_others_are_chosen(nurse: TestClient) -> None:
    assert rows(nurse, "/desk?reason=diary") == []
    assert rows(nurse) == []
    assert len(rows(nurse, "/desk?reason=")) == 1
    assert len(rows(nurse)) == 1


@pytest.mark.usefixtures("calling")
def test_a_call_is_logged_under_the_row_and_corrected_on_the_participants_page(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    under = nurse.get(f"{clinic.url}/contacts", headers=FRAGMENT).text
    assert under.lstrip().startswith("<tr")
    assert "This settles their request for a call" in under
    typed = {"outcome": "other", "note": "", "next_try": "2026-03-04", "answers_call": "yes"}
    refused = nurse.post(f"{clinic.url}/contacts", data=typed)
    assert refused.status_code == 422
    assert "Please write a few words about the outcome." in refused.text
    assert 'value="2026-03-04"' in refused.text
    done = nurse.post(f"{clinic.url}/contacts", data=typed | {"note": "neighbour"})
    assert done.headers["location"] == "/desk?done=contact"
    assert "Contact logged." in page(nurse, "/desk?done=contact").text
    shown = page(nurse, clinic.url)
    assert "neighbour" in shown.text
    (correct,) = [each["href"] for each in shown.all("a") if each.text == "Correct"]
    assert 'value="neighbour"' in nurse.get(correct).text
    fixed = {"outcome": "wrong_number", "note": "", "reason": ""}
    assert "Please give the reason for the correction." in nurse.post(correct, data=fixed).text
    done = nurse.post(correct, data=fixed | {"reason": "wrong line"})
    assert done.headers["location"] == f"{clinic.url}?done=contact"
    text = page(nurse, clinic.url).text
    assert "Wrong number" in text
    assert "wrong line" in text
    assert "neighbour" in text
    assert nurse.get(f"{clinic.url}/contacts/999").status_code == 404
    assert nurse.post(f"{clinic.url}/contacts/999", data=fixed).status_code == 404


def test_a_call_logged_from_the_participants_page_leads_back_there(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    form = page(nurse, f"{clinic.url}/contacts?back=participant")
    assert form.all("input", name="back")
    typed = {"outcome": "no_answer", "back": "participant"}
    done = nurse.post(f"{clinic.url}/contacts", data=typed)
    assert done.headers["location"] == f"{clinic.url}?done=contact"


@pytest.mark.usefixtures("calling")
def test_a_row_rests_and_is_brought_back(clinic: ClinicFixture, nurse: TestClient) -> None:
    form = page(nurse, f"{clinic.url}/snooze")
    (reasons,) = [each["value"] for each in form.all("input", name="reasons")]
    assert nurse.get(f"{clinic.url}/snooze", headers=FRAGMENT).text.lstrip().startswith("<tr")
    typed = {"reasons": reasons, "reason": "on holiday", "until": "2026-03-05"}
    refused = nurse.post(f"{clinic.url}/snooze", data=typed | {"until": "2026-09-05"})
    assert "at most 28 days ahead" in refused.text
    assert 'value="on holiday"' in refused.text
    assert nurse.post(f"{clinic.url}/snooze", data=typed).headers["location"] == "/desk?done=snoozed"
    assert rows(nurse) == []
    assert "Some rows are snoozed." in page(nurse, "/desk").text
    (row,) = rows(nurse, "/desk?view=snoozed")
    assert "on holiday" in row
    assert nurse.post(f"{clinic.url}/snooze/end").headers["location"] == "/desk?done=resumed"
    assert len(rows(nurse)) == 1
    assert nurse.post(f"{clinic.url}/snooze/end").headers["location"] == "/desk"


@pytest.mark.usefixtures("calling")
def test_who_cannot_be_reminded_is_named_with_the_reason(nurse: TestClient) -> None:
    box = page(nurse, "/desk").one("input", type="checkbox", form="bulk")
    answer = nurse.post("/desk/reminders", data={box["name"]: box["value"]})
    assert answer.status_code == 409
    (summary,) = parsed(answer.text).all("div", role="alert")
    assert "0571-001" in summary.text
    assert "wants no reminders" in summary.text
    assert "Please choose at least one participant." in nurse.post("/desk/reminders").text
    stranger = nurse.post("/desk/reminders", data={"one": "p-unknown:x"})
    assert stranger.status_code == 404


@pytest.mark.usefixtures("calling")
def test_the_call_sheet_has_room_for_outcomes(nurse: TestClient) -> None:
    sheet = page(nurse, "/desk/call-sheet?reason=call&q=0571")
    assert "0571-001" in sheet.text
    assert "☐ No answer" in sheet.text
    assert "Nobody to call." in page(nurse, "/desk/call-sheet?reason=diary").text


def test_a_page_of_a_hundred_rows_is_light_and_costs_eight_statements(
    clinic: ClinicFixture, nurse: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = clinic.person.installation
    for number in range(2, 102):
        enrolled(made, clinic.site, f"0571-{number:03d}")
    clinic.clock.at = START + days(27)
    monkeypatch.setattr("app.services.clinic.today.work_list.PAGE", 100)
    nurse = clinic.browser(Role.INVESTIGATOR)
    nurse.get("/desk")  # what a process reads once an hour is read
    said: list[str] = []

    def note(*args: object) -> None:
        said.append(str(args[2]))

    event.listen(made.engine, "before_cursor_execute", note)
    answer = nurse.get("/desk")
    event.remove(made.engine, "before_cursor_execute", note)
    assert answer.text.count("data-log") == 100
    assert len(gzip.compress(answer.content, 6)) <= 30_000
    assert len([each for each in said if each.startswith(("SELECT", "WITH"))]) <= 8, "\n".join(
        each[:150] for each in said
    )
