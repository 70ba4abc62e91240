"""The desk's part of the way in: birth dates at enrolment, and who needs help with getting in."""

import pytest
from fastapi import FastAPI

from app.domain.plans.plan import SecondCheck
from app.domain.records.access import Role
from app.services.core.installation import Installation
from app.storage.tables.studies import Site
from tests.applications import Clock, open_browser
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import enrolment, page
from tests.faces.participant_browsers import Phone, invite
from tests.faces.participant_browsers import enrol_only as enrolled_only
from tests.scenarios.beginnings import PERSON, SITE, site_of
from tests.scenarios.confirmation_rules import with_second_check
from tests.scenarios.people import PIN, START, Person, days
from tests.stages import Stage

BORN = {"birth_year": "1950", "birth_month": "02", "birth_day": "3"}


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage:
    return PERSON if "clinic" in request.fixturenames else SITE


def founded(app: FastAPI, clock: Clock) -> Site:
    """The shipped study at one hospital, at the hour of enrolment."""
    clock.at = START
    return site_of(app.state.installation)


@pytest.fixture
def dated(app: FastAPI, clock: Clock) -> ClinicFixture:
    """The same in a study that confirms people by their birth date; nobody is enrolled yet."""
    installation: Installation = with_second_check(app.state.installation, SecondCheck.birth_date)
    app.state.installation = installation
    site = founded(app, clock)
    return ClinicFixture(app, clock, site, Person(installation, site, "0571-002"))


@pytest.mark.req("PRI-02")
def test_a_birth_date_is_required_only_by_studies_that_use_it(clinic: ClinicFixture) -> None:
    nurse = clinic.browser(Role.NURSE)
    assert page(nurse, "/desk/enrol").all("input", name="birth_year") == []
    assert nurse.get(f"{clinic.url}/birth-date").status_code == 409
    assert "birth-date" not in nurse.get(clinic.url).text


@pytest.mark.req("PRI-02")
def test_enrolment_takes_a_birth_date_and_shows_it_nowhere_again(dated: ClinicFixture) -> None:
    nurse = dated.browser(Role.NURSE)
    form = page(nurse, "/desk/enrol")
    boxes = [str(box["name"]) for box in form.all("input", inputmode="numeric")]
    assert [name for name in boxes if name.startswith("birth_")] == ["birth_day", "birth_month", "birth_year"]
    for wrong in ({}, BORN | {"birth_month": "13"}):
        refused = nurse.post("/desk/enrol", data=enrolment(**wrong))
        assert (refused.status_code // 100, "birth date" in refused.text) == (4, True)
        assert 'href="#born_on"' in refused.text
    sheet = nurse.post("/desk/enrol", data=enrolment(**BORN))
    assert sheet.status_code == 200
    for text in (sheet.text, nurse.get(dated.url).text, nurse.get(f"{dated.url}/birth-date").text):
        assert "1950" not in text


def test_a_mistyped_birth_date_is_recorded_again(dated: ClinicFixture) -> None:
    nurse = dated.browser(Role.NURSE)
    nurse.post("/desk/enrol", data=enrolment(**BORN))
    before, url = dated.person.row().birth_hash, f"{dated.url}/birth-date"
    assert f"{dated.url}/birth-date" in nurse.get(dated.url).text
    right = BORN | {"birth_day": "4"}
    for wrong, words in (
        (right, "Please give a reason."),
        ({"reason": "mistyped"}, "Please record it first."),
        (right | {"birth_year": "50", "reason": "mistyped"}, "Please check the birth date."),
    ):
        response = nurse.post(url, data=wrong)
        assert (response.status_code // 100, words in response.text) == (4, True)
    done = nurse.post(url, data=right | {"reason": "mistyped"})
    assert done.headers["location"] == f"{dated.url}?done=birth_date"
    assert "Birth date saved." in nurse.get(done.headers["location"]).text
    assert dated.person.row().birth_hash != before
    monitor = dated.browser(Role.MONITOR)
    assert (monitor.get(url).status_code, monitor.post(url, data=right).status_code) == (403, 403)


def test_somebody_without_a_birth_date_cannot_be_invited(app: FastAPI, clock: Clock) -> None:
    site = founded(app, clock)
    person = enrolled_only(Person(app.state.installation, site, "0571-002"))
    app.state.installation = with_second_check(app.state.installation, SecondCheck.birth_date)
    clinic = ClinicFixture(app, clock, site, person)
    refused = clinic.browser(Role.NURSE).post(f"{clinic.url}/invitation")
    assert (refused.status_code, "Please record it first." in refused.text) == (409, True)


@pytest.mark.req("IAM-12")
def test_who_cannot_get_in_stands_on_the_desk(clinic: ClinicFixture, app: FastAPI, clock: Clock) -> None:
    nurse = clinic.browser(Role.NURSE)
    assert not page(nurse, "/desk").all("tbody")
    assert "Nobody is locked out at the moment." in nurse.get("/desk/access").text
    waiting = enrolled_only(Person(clinic.person.installation, clinic.site, "0571-002"))
    lost: Phone = invite(app, clinic.person)
    lost.activate()
    clock.at = START + days(4)
    for _ in range(5):
        lost.client.post("/unlock", data={"pin": "000001"})
    nurse = clinic.browser(Role.INVESTIGATOR)
    why = [row.one("td", class_="why").text for row in page(nurse, "/desk").all("tbody")[0].all("tr")]
    assert why == ["⊘ Locked out", "□ Never signed in"]
    rows = [row for table in page(nurse, "/desk/access").all("tbody") for row in table.all("tr")]
    assert [row.all("a")[0]["href"] for row in rows] == [
        f"/desk/participants/{each.row().public_id}" for each in (clinic.person, waiting)
    ]
    assert "4 days ago" in rows[1].text
    assert open_browser(app).get("/desk/access").status_code == 303


def test_the_list_of_people_tells_who_has_a_phone_without_a_pin(app: FastAPI, clock: Clock) -> None:
    site = founded(app, clock)
    app.state.installation = with_second_check(app.state.installation, SecondCheck.none)
    clinic = ClinicFixture(app, clock, site, enrolled_only(Person(app.state.installation, site, "0571-002")))
    nurse = clinic.browser(Role.NURSE)
    assert "○ not activated" in page(nurse, "/desk/participants").text
    phone = invite(app, clinic.person)
    phone.client.post(f"/a/{phone.link}", data={"pin": PIN})
    assert "✓ activated" in page(nurse, "/desk/participants").text
