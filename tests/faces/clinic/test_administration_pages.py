"""The administrator's pages of clients, licences and studies, and the list of scores."""

import re

import pytest

from app.domain.plans.windows import local_day
from app.domain.records.access import SYSTEM, Role
from app.domain.records.audit import AuditEvent
from app.services.accounts.edc_clients import issue_token
from app.services.clinic.participants.score_list import ScoredList, list_scored_participants
from app.services.core.context import StaffContext
from app.services.people.client_desk import create_managed_client, end_client, list_clients
from app.storage.row_changes import study_chain
from app.storage.tables.edc import Transfer
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.refusals import refused
from tests.scenarios.arms import with_hidden_arms
from tests.scenarios.beginnings import PERSON
from tests.scenarios.people import START, days, qlq, staff_member
from tests.stages import Stage

STUDY = "sbrt-nsclc"


@pytest.fixture
def stage() -> Stage:
    return PERSON


@pytest.mark.req("EDC-07")
def test_an_administrator_creates_a_client_whose_secret_is_shown_once_and_revokes_it(
    clinic: ClinicFixture,
) -> None:
    admin, running = clinic.browser(Role.ADMIN, None), clinic.app.state.installation
    assert "This study has no client." in admin.get("/desk/clients").text
    wrong = admin.post("/desk/clients", data={"name": "Our EDC", "site": ""})
    assert (wrong.status_code, 'value="Our EDC"' in wrong.text) == (422, True)
    assert 'href="#scope_participants:write"' in wrong.text
    typed = {"name": "Our EDC", "scope_visits:write": "yes", "site": "0571"}
    shown = admin.post("/desk/clients", data=typed)
    client_id, secret = re.findall("<code>([^<]+)</code>", shown.text)
    listed = page(admin, "/desk/clients").one("tbody")
    assert secret not in admin.get("/desk/clients").text
    assert [cell.text for cell in listed.all("td")][:2] == ["report visits", "0571"]
    assert "never" in listed.text
    token = issue_token(running, client_id, secret, None, "1.2.3.4", START)
    assert token.scopes == ("visits:write",)
    context = StaffContext(running, SYSTEM, START)
    assert [each.used_at for each in list_clients(context, STUDY)] == [START]
    with running.open_work(SYSTEM, START) as work:
        study_id = clinic.site.study_id
        pull = Transfer(
            client_id=client_id,
            study_id=study_id,
            resource="x",
            after=0,
            through=0,
            rows=0,
            sha256="",
            pulled_at=START + days(1),
        )
        work.session.add(pull)
        work.record(AuditEvent.FEED_PULLED, study_chain(study_id), study_id)
    assert [each.used_at for each in list_clients(context, STUDY)] == [START + days(1)]
    assert admin.post(f"/desk/clients/{client_id}/end", data={"reason": " "}).status_code == 422
    ended = admin.post(f"/desk/clients/{client_id}/end", data={"reason": "replaced"})
    assert ended.headers["location"] == "/desk/clients?done=ended"
    assert "Revoked" in page(admin, "/desk/clients?done=ended").one("tbody").text
    again = admin.post(f"/desk/clients/{client_id}/end", data={"reason": "replaced"})
    assert (again.status_code, "already revoked" in again.text) == (409, True)
    assert admin.post("/desk/clients/edc-none/end", data={"reason": "x"}).status_code == 404
    assert refused(lambda: issue_token(running, client_id, secret, None, "::1", START)) == "invalid_client"
    assert clinic.browser(Role.NURSE).get("/desk/clients").status_code == 403


def test_who_administers_one_site_neither_sees_nor_makes_clients(clinic: ClinicFixture) -> None:
    installation = clinic.app.state.installation
    context = StaffContext(installation, staff_member(Role.ADMIN, clinic.site), START)
    assert list_clients(context, STUDY) == ()
    new = lambda: create_managed_client(context, STUDY, "EDC", ["visits:write"], "")  # noqa: E731 - one act
    assert refused(new) == "beyond_your_sites"
    assert refused(lambda: end_client(context, STUDY, "edc-none", "x")) == "unknown_client"


def test_every_entry_of_an_administrators_menu_opens_and_tells_of_studies_and_licences(
    clinic: ClinicFixture,
) -> None:
    admin = clinic.browser(Role.ADMIN, None)
    menu = page(admin, "/desk/people").one("nav", **{"aria-label": "Desk"}).all("a")
    assert [each.text for each in menu] == [
        "People",
        "Sites",
        "Studies",
        "Study plan",
        "Clients",
        "Licences",
        "Access review",
    ]
    assert {admin.get(str(each["href"])).status_code for each in menu} == {200}
    (row,) = page(admin, "/desk/studies").one("tbody").all("tr")
    assert [cell.text for cell in row.all("td")][1:6] == ["1.0", "Demonstration", "1", "0", "1"]
    assert row.all("a")[0]["href"] == f"/desk/plan?study={STUDY}"
    licences = page(admin, "/desk/licences").one("tbody").text
    assert "demonstrations use our own wording" in licences
    assert "none needed" in licences
    assert "QLQ-C30 3.0 Quality of life" in licences


@pytest.mark.req("IAM-02")
def test_scores_are_listed_by_participant_for_roles_that_see_them(clinic: ClinicFixture) -> None:
    investigator = clinic.browser(Role.INVESTIGATOR)
    assert "No form has been scored yet." in investigator.get("/desk/scores").text
    clinic.person.begin("BL", START)
    clinic.person.submit("BL", START, qlq(2))
    (row,) = page(investigator, "/desk/scores").one("tbody").all("tr")
    assert row.all("a")[0]["href"] == f"{clinic.url}/scores"
    assert "Quality of life · BL" in row.text
    assert str(local_day(START, "Asia/Shanghai").day) in row.text
    assert clinic.browser(Role.NURSE).get("/desk/scores").status_code == 403
    installation, study = clinic.app.state.installation, clinic.site.study_id
    seeing = StaffContext(installation, staff_member(Role.INVESTIGATOR, clinic.site), START)
    assert list_scored_participants(seeing, study, most=1).after == ""
    assert list_scored_participants(seeing, study, most=0).rows == ()
    assert list_scored_participants(seeing, study, clinic.person.subject).rows == ()
    nobody = StaffContext(installation, staff_member(Role.NURSE, clinic.site), START)
    assert list_scored_participants(nobody, study) == ScoredList()
    veiled = StaffContext(with_hidden_arms(installation), staff_member(Role.INVESTIGATOR, clinic.site), START)
    assert len(list_scored_participants(veiled, study).rows) == 1
