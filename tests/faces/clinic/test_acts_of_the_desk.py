"""What was pressed twice, from an old page or in haste at the desk; and what a death outranks."""

from datetime import date

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlmodel import col, select

from app.domain.plans.plan import Owner
from app.domain.records.access import Role
from app.domain.records.dispositions import DispositionKind
from app.services.core.context import StaffContext
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.tables.schedule import Disposition
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import day_in, enrolment, hidden_of, page, preview_and_confirm
from tests.faces.participant_browsers import invite
from tests.markup import parse_page
from tests.scenarios.people import START

WITHDRAWAL = {"kind": "withdrew_treatment", "stated": "2026-03-02", "reason": "moved"}
DEATH = {"kind": "death", "stated": "2026-03", "reason": "told by the family"}


def dispositions(clinic: ClinicFixture) -> list[tuple[str, int | None]]:
    with clinic.app.state.installation.read() as session:
        rows = session.exec(select(Disposition).order_by(col(Disposition.id)))
        return [(row.kind, row.undoes_id) for row in rows]


def previewed(client: TestClient, url: str, typed: dict[str, str]) -> dict[str, str]:
    """What the confirming page would send."""
    preview = client.post(url, data=typed)
    assert preview.status_code == 200, preview.text[:2000]
    return hidden_of(preview)


def undo(client: TestClient, clinic: ClinicFixture, kind: str) -> tuple[str, dict[str, str]]:
    """The form that takes back the entry of this kind, as it is shown now."""
    forms = page(client, clinic.url).all("form", action=f"{clinic.url}/disposition/undo")
    (form,) = [each for each in forms if kind in each.all("button")[0].text]
    hidden = {str(each["name"]): str(each["value"]) for each in form.all("input", type="hidden")}
    return str(form["action"]), hidden | {"reason": "wrong person"}


def test_a_death_confirmed_twice_is_one_entry_and_one_undo_takes_it_back(clinic: ClinicFixture) -> None:
    investigator = clinic.browser(Role.INVESTIGATOR)
    typed = previewed(investigator, f"{clinic.url}/disposition", DEATH)
    for _press in range(2):
        done = investigator.post(f"{clinic.url}/disposition", data=typed)
        assert done.headers["location"] == f"{clinic.url}?done=disposition"
    assert dispositions(clinic) == [("death", None)]
    url, form = undo(investigator, clinic, "death")
    for _press in range(2):
        assert investigator.post(url, data=form).headers["location"] == f"{clinic.url}?done=undone"
    assert dispositions(clinic) == [("death", None), ("death", 1)]
    assert clinic.person.row().exit_kind is None


def test_a_death_from_two_pages_is_one_entry_and_nothing_refuses_it(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    url = f"{clinic.url}/disposition"
    pages = [previewed(nurse, url, DEATH) for _page in range(2)]
    assert preview_and_confirm(clinic.browser(Role.INVESTIGATOR), url, WITHDRAWAL).status_code == 303
    assert [nurse.post(url, data=each).status_code for each in pages] == [303, 303]
    assert [kind for kind, _undoes in dispositions(clinic)] == ["withdrew_treatment", "death"]


def test_an_undo_takes_back_the_entry_that_it_names_and_never_another(clinic: ClinicFixture) -> None:
    investigator = clinic.browser(Role.INVESTIGATOR)
    for typed in (WITHDRAWAL, DEATH | {"stated": "2026-03-02"}):
        assert preview_and_confirm(investigator, f"{clinic.url}/disposition", typed).status_code == 303
    url, form = undo(investigator, clinic, "withdrawal from treatment")
    assert investigator.post(url, data=form).status_code == 303
    _, fresh = undo(investigator, clinic, "death")
    again = investigator.post(url, data=fresh | {"entry": form["entry"]})
    assert (again.status_code, "There is nothing to undo." in again.text) == (409, True)
    assert "You wrote: <bdi>wrong person</bdi>" in again.text
    assert dispositions(clinic)[2:] == [("withdrew_treatment", 1)]


@pytest.mark.parametrize("kind", ["withdrew_treatment", "withdrew_study", "withdrew_questionnaires", "death"])
def test_withdrawal_and_death_ask_a_reason_and_keep_what_was_typed(
    nurse: TestClient, clinic: ClinicFixture, kind: str
) -> None:
    url = f"{clinic.url}/disposition"
    response = nurse.post(url, data={"kind": kind, "stated": "2026-03-02", "reason": " "})
    assert (response.status_code, 'href="#reason"' in response.text) == (422, True)
    assert day_in(parse_page(response.text), "stated") == "2026-03-02"
    hidden = previewed(nurse, url, {"kind": kind, "stated": "2026-03-02", "reason": "moved"})
    assert nurse.post(url, data=hidden | {"reason": ""}).status_code == 422
    assert dispositions(clinic) == []


def test_the_button_names_the_act_and_a_month_stays_a_month(clinic: ClinicFixture) -> None:
    investigator = clinic.browser(Role.INVESTIGATOR)
    preview = investigator.post(f"{clinic.url}/disposition", data=DEATH)
    assert "Record the death" in preview.text
    assert "Died · March 2026" in preview.text
    assert "Only the month is known, so 2 Mar 2026 will be used." in preview.text
    assert investigator.post(f"{clinic.url}/disposition", data=hidden_of(preview)).status_code == 303
    shown = page(investigator, clinic.url).text
    assert "March 2026 · site · Li Na: told by the family" in shown
    chinese = clinic.browser(Role.INVESTIGATOR, language="zh_CN")
    assert "2026年3月 " in page(chinese, clinic.url).text


def test_a_confirmation_of_an_old_preview_shows_the_new_one(clinic: ClinicFixture, nurse: TestClient) -> None:
    clinic.person.randomise(date(2026, 3, 2), START)
    url = f"{clinic.url}/disposition"
    old = previewed(nurse, url, WITHDRAWAL | {"kind": "withdrew_study"})
    clinic.person.begin("BL", START)
    clinic.person.submit("BL", START)
    refused = nurse.post(url, data=old)
    assert (refused.status_code, "no longer what you were shown" in refused.text) == (409, True)
    new = hidden_of(refused)
    assert (new["reason"], new["shown"] != old["shown"]) == ("moved", True)
    assert nurse.post(url, data=new).status_code == 303


def test_a_visit_pressed_twice_is_one(clinic: ClinicFixture, nurse: TestClient) -> None:
    url, typed = f"{clinic.url}/visits", {"visit": "UNS", "on": "2026-03-02"}
    form = hidden_of(nurse.get(clinic.url))
    for _press in range(2):
        assert nurse.post(url, data=typed | form).headers["location"] == f"{clinic.url}?done=visit"
    other_page = nurse.post(url, data=typed)
    assert (other_page.status_code, "UNS-1 was added from 2 Mar 2026 already." in other_page.text) == (
        409,
        True,
    )
    assert "UNS-2" not in nurse.get(clinic.url).text


def test_an_address_beside_no_reminders_is_not_dropped(nurse: TestClient) -> None:
    typed = enrolment(channel="", address="li@example.org")
    refused = nurse.post("/desk/enrol", data=typed)
    assert (refused.status_code, 'value="li@example.org"' in refused.text) == (422, True)
    assert 'href="#address"' in refused.text
    assert nurse.post("/desk/enrol", data=typed | {"address": ""}).status_code == 200


def test_what_came_of_a_request_stands_on_the_participants_page(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    phone = invite(clinic.app, clinic.person)
    phone.activate()
    phone.send(phone.begin())
    phone.client.post(f"/sent/{phone.slot()}/correction")
    phone.client.post("/help/call")
    assert page(nurse, clinic.url).text.count("● open") == 2
    nurse.post("/desk/requests/1", data={"outcome": "question 3 was mistyped"})
    shown = page(nurse, clinic.url).text
    assert shown.count("● open") == 1
    assert "Quality of life · BL" in shown
    assert ": question 3 was mistyped" in shown
    late = nurse.post("/desk/requests/1", data={"outcome": "nobody answers"})
    assert (late.status_code, "You wrote: <bdi>nobody answers</bdi>" in late.text) == (409, True)
    phone.client.post("/help/call/withdrawal")
    assert "Withdrawn by the participant" in page(nurse, clinic.url).text
    assert "Withdrew the request for a call" in page(nurse, f"{clinic.url}/history").text
    assert "Asks to be called" not in page(nurse, "/desk/requests").text


@pytest.mark.parametrize("before", [DispositionKind.withdrew_study, DispositionKind.withdrew_questionnaires])
def test_a_death_outranks_what_ended_participation_before(
    clinic: ClinicFixture, nurse: TestClient, before: DispositionKind
) -> None:
    phone = invite(clinic.app, clinic.person)
    phone.activate()
    phone.client.post("/help/call")
    context = StaffContext(clinic.app.state.installation, clinic.person.nurse, START)
    entry = DispositionEntry(before, "2026-03-02", Owner.site, "moved")
    record_disposition(context, clinic.site.study_id, clinic.person.subject, entry)
    assert "Please do not call or write." not in nurse.get(clinic.url).text
    assert "call back. The participant asked for a call" in page(nurse, clinic.url).text
    owed = "1 participant who has left asks to be called"
    assert owed in page(nurse, "/desk").text, "no row is about who left"
    investigator = clinic.browser(Role.INVESTIGATOR)
    assert preview_and_confirm(investigator, f"{clinic.url}/disposition", DEATH).status_code == 303
    for url in (clinic.url, "/desk/requests"):
        assert "Died. " in page(nurse, url).text
        assert "Please do not call or write." in page(nurse, url).text
    assert "Died" in page(nurse, "/desk/participants").all("tbody")[0].text
    assert owed not in page(nurse, "/desk").text
    url, form = undo(investigator, clinic, "death")
    assert investigator.post(url, data=form).status_code == 303
    assert "Please do not call or write." not in page(nurse, "/desk/requests").text


def test_a_page_of_somebody_else_is_not_used(clinic: ClinicFixture, nurse: TestClient) -> None:
    key = hidden_of(nurse.get(clinic.url))
    other: Response = clinic.browser(Role.INVESTIGATOR).post(
        f"{clinic.url}/visits", data={"visit": "UNS", "on": "2026-03-02"} | key
    )
    assert (other.status_code, "can no longer be used" in other.text) == (409, True)
    assert day_in(parse_page(other.text), "on") == "2026-03-02"
