"""Filters and order of the lists of the desk: in their addresses, and remembered for each person."""

from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from app.clinic.frame.addresses import REMEMBERED, build_address, clear_address
from app.domain.records.access import SYSTEM, Role
from app.services.core.context import StaffContext
from app.services.people.site_desk import close_site
from app.storage.queries.participants import get_site_by_code
from app.web.urls import ALERTS, DIARY_GAP_LIST, PARTICIPANTS, SETTLE, TRAIL
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.scenarios.people import START, enrol_person

VALUES = {"site": "0571", "kind": "forms", "by": "participant", "language": "zh_CN", "order": "oldest"}
OWN = {PARTICIPANTS: {"order": "newest"}}


@pytest.fixture
def everybody(clinic: ClinicFixture) -> list[TestClient]:
    """Somebody for each list, at all sites."""
    return [clinic.browser(role, None) for role in (Role.NURSE, Role.DATA_MANAGER, Role.INVESTIGATOR)]


def opened(desk: TestClient, address: str) -> str:
    """Where a list is opened in the end, "" for as it was asked for."""
    answer = desk.get(address)
    assert answer.status_code in (200, 303), address
    return answer.headers.get("location", "")


def chosen(desk: TestClient, address: str) -> dict[str, str]:
    """What the form of the filters shows as chosen."""
    form = page(desk, address).one("form", class_="filters")
    return {
        each["name"]: next((option["value"] for option in each.all("option", selected="")), "")
        for each in form.all("select")
        if each["name"] in VALUES
    }


@pytest.mark.req("AUD-09")
def test_each_list_opens_as_its_reader_filtered_it_last(everybody: list[TestClient]) -> None:
    lists = {path: remembered for path, remembered in REMEMBERED.items() if "{" not in path}
    for path, remembered in lists.items():
        here, *elsewhere = [desk for desk in everybody if desk.get(path).status_code == 200]
        values = {name: (VALUES | OWN.get(path, {}))[name] for name in remembered.parameters}
        address = build_address(path, values)
        assert chosen(here, address).items() <= values.items(), "as it stands in the address"
        for _twice in range(2):
            where = opened(here, f"{path}?done=settled")
            assert parse_qs(urlsplit(where).query) == {name: [value] for name, value in values.items()} | {
                "done": ["settled"]
            }
            assert opened(here, where) == "", "which names them all"
        assert chosen(here, opened(here, path))["site"] == "0571"
        for once in ("after=0571-001", "q=0571", "before=1"):
            assert opened(here, f"{path}?{once}") == "", "what is looked for once says all itself"
        for other in elsewhere:
            assert opened(other, path) == "", "what somebody else chose is theirs"
        (clear,) = [
            each["href"] for each in page(here, address).all("a") if each.text == "Clear filters"
        ] or [clear_address(path)]
        assert opened(here, clear) == ""
        assert opened(here, path) == "", "and forgets them"
        assert all(not value for value in chosen(here, path).values())


def test_filters_that_say_nothing_any_more_are_dropped(
    clinic: ClinicFixture, everybody: list[TestClient]
) -> None:
    nurse, manager, _investigator = everybody
    installation, study = clinic.person.installation, clinic.site.study_id
    assert opened(nurse, f"{PARTICIPANTS}?site=0021&order=newest") == ""
    with installation.read() as session:
        closed = get_site_by_code(session, study, "0021")
    close_site(StaffContext(installation, SYSTEM, START), closed.id, "no more patients")
    assert opened(nurse, PARTICIPANTS) == f"{PARTICIPANTS}?order=newest"
    assert opened(nurse, f"{PARTICIPANTS}?site=0021&order=sideways") == "", "as asked for"
    assert opened(nurse, PARTICIPANTS) == "", "neither is one to begin with"
    assert opened(nurse, f"{DIARY_GAP_LIST}?language=xx&site=9999") == ""
    assert opened(nurse, DIARY_GAP_LIST) == ""
    assert opened(manager, f"{SETTLE}?kind=missed&site=0571") == ""
    assert opened(manager, SETTLE) == f"{SETTLE}?site=0571", "a tab is not kept"
    assert opened(manager, f"{TRAIL}?by=nobody&kind=&site=") == ""
    assert opened(manager, TRAIL) == ""
    assert opened(manager, f"{TRAIL}?by=staff:1&kind=sideways") == ""
    assert opened(manager, TRAIL) == f"{TRAIL}?by=staff%3A1"


def test_a_tab_keeps_the_filter_and_two_tabs_of_a_browser_their_own(everybody: list[TestClient]) -> None:
    nurse = everybody[0]
    one, other = f"{ALERTS}?site=0571", f"{ALERTS}?site=0021"
    assert opened(nurse, one) == ""
    assert opened(nurse, other) == ""
    assert opened(nurse, f"{ALERTS}?closed=1") == f"{ALERTS}?closed=1&site=0021", "the last one"
    assert chosen(nurse, one) == {"site": "0571"}, "and each address its own"
    assert opened(nurse, f"{ALERTS}?closed=1&site=") == ""
    assert opened(nurse, f"{ALERTS}?closed=1") == ""


def test_participants_stand_by_code_or_the_last_enrolled_first(
    clinic: ClinicFixture, everybody: list[TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("app.services.clinic.participant_list", "app.clinic.lists.participants"):
        monkeypatch.setattr(f"{module}.PAGE_SIZE", 1)
    installation = clinic.person.installation
    with installation.read() as session:
        there = get_site_by_code(session, clinic.site.study_id, "0021")
    enrol_person(installation, there, "0021-001")
    enrol_person(installation, clinic.site, "0571-000")
    nurse = everybody[0]

    def walk(address: str) -> list[str]:
        codes = []
        while address:
            shown = page(nurse, address)
            codes += [row.one("b").text for row in shown.one("tbody").all("tr")]
            address = next((each["href"] for each in shown.all("a") if each.text == "Next page"), "")
        return codes

    assert walk(PARTICIPANTS) == ["0021-001", "0571-000", "0571-001"]
    assert walk(f"{PARTICIPANTS}?site=0571") == ["0571-000", "0571-001"]
    assert walk(f"{PARTICIPANTS}?site=&order=newest") == ["0571-000", "0021-001", "0571-001"]
    assert walk(f"{PARTICIPANTS}?site=0571&order=newest&q=0571") == ["0571-000", "0571-001"]
    nothing = page(nurse, f"{PARTICIPANTS}?site=9999&q=0571")
    assert "Nothing found with these filters." in nothing.text
    assert "No participant has this code." in page(nurse, f"{PARTICIPANTS}?site=&q=9").text
