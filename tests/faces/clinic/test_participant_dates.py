"""Dates of a participant and leaving: previewed, confirmed as shown, and taken back by the investigator."""

from datetime import date

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from app.domain.records.access import Role
from app.domain.records.anchors import AnchorStanding
from app.storage.tables.schedule import Anchor
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import hidden_of, page, preview_and_confirm
from tests.markup import parse_page
from tests.scenarios.confirmation_rules import with_date_order
from tests.scenarios.people import START


def test_a_date_is_previewed_and_then_recorded(clinic: ClinicFixture, nurse: TestClient) -> None:
    clinic.person.randomise(date(2026, 3, 2), START)
    url, typed = f"{clinic.url}/dates", {"kind": "randomisation", "on": "2026-02-02", "reason": ""}
    assert page(nurse, url).all("select", id="kind")
    assert nurse.post(url, data=typed).status_code == 422
    assert nurse.post(url, data=typed | {"on": "x"}).status_code == 422
    assert nurse.post(url, data=typed | {"kind": "x", "on": "2026-03-02"}).status_code == 422
    enrolled_again = {"kind": "enrolment", "on": "2026-01-02", "reason": "typing error"}
    preview = parse_page(nurse.post(url, data=enrolled_again).text)
    assert "BL Quality of life 2 Mar 2026 – 2 Mar 2026" in preview.text
    assert "would be missed" in preview.text
    hidden = {each["name"]: each["value"] for each in preview.all("input", type="hidden")}
    stale = nurse.post(url, data=hidden | {"shown": ""})
    assert stale.status_code == 409
    assert "no longer what you were shown" in stale.text
    assert hidden_of(stale)["shown"] == hidden["shown"]
    assert nurse.post(url, data=hidden).headers["location"] == f"{clinic.url}?done=date"
    assert "Date recorded." in page(nurse, f"{clinic.url}?done=date").text


def test_a_date_that_differs_from_the_edcs_is_listed(clinic: ClinicFixture, nurse: TestClient) -> None:
    clinic.person.randomise(date(2026, 3, 2), START)
    clinic.clock.forward(days=1)
    nurse = clinic.browser(Role.INVESTIGATOR)
    typed = {"kind": "randomisation", "on": "2026-03-03", "reason": "our file"}
    assert preview_and_confirm(nurse, f"{clinic.url}/dates", typed).headers["location"].endswith("differing")
    assert "≠ site says 3 Mar 2026" in page(nurse, clinic.url).text


@pytest.mark.req("PRI-03")
def test_leaving_lists_what_stops_and_is_undone_by_the_investigator(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    url = f"{clinic.url}/disposition"
    typed = {"kind": "withdrew_study", "stated": "2026-03-02", "reason": "moved"}
    assert page(nurse, url).all("select", id="kind")
    assert nurse.post(url, data=typed | {"kind": ""}).status_code == 422
    assert nurse.post(url, data=typed | {"stated": "2026"}).status_code == 422
    assert (
        "forms will no longer be asked for: BL, W6, W12" in parse_page(nurse.post(url, data=typed).text).text
    )
    assert "Withdrew" not in page(nurse, clinic.url).all("main")[0].all("h1")[0].text
    assert preview_and_confirm(nurse, url, typed).status_code == 303
    assert "Withdrew from the study" in page(nurse, clinic.url).text
    investigator = clinic.browser(Role.INVESTIGATOR)
    (form,) = page(investigator, clinic.url).all("form", action=f"{url}/undo")
    assert form.all("button")[0].text == "Undo the withdrawal from the study"
    entry = {"entry": str(form.all("input", name="entry")[0]["value"])}
    why = entry | {"reason": "wrong person"}
    assert nurse.post(f"{url}/undo", data=why).status_code == 403
    assert investigator.post(f"{url}/undo", data=entry | {"reason": ""}).status_code == 422
    assert investigator.post(f"{url}/undo", data=why | {"entry": "x"}).status_code == 422
    assert investigator.post(f"{url}/undo", data=why).status_code == 303
    assert "undone" in page(nurse, clinic.url).text


@pytest.mark.parametrize(
    ("language", "label", "form"),
    [("en", "Start of radiotherapy (SBRT)", "Quality of life"), ("zh_CN", "放疗（SBRT）开始", "生活质量")],
)
def test_dates_and_forms_are_called_as_the_plan_says(
    clinic: ClinicFixture, language: str, label: str, form: str
) -> None:
    nurse = clinic.browser(Role.NURSE, language=language)
    assert label in page(nurse, clinic.url).text
    assert form in page(nurse, clinic.url).text
    dates = page(nurse, f"{clinic.url}/dates?kind=sbrt_start")
    (chosen,) = [each for each in dates.all("option") if each["value"] == "sbrt_start"]
    assert chosen.text.startswith(label)
    typed = {"kind": "sbrt_start", "on": "2026-03-02", "reason": ""}
    assert f"{label} ·" in parse_page(nurse.post(f"{clinic.url}/dates", data=typed).text).text


def test_a_date_against_its_order_is_confirmed_with_a_reason(clinic: ClinicFixture) -> None:
    clinic.app.state.installation = with_date_order(clinic.app.state.installation, "sbrt_end", "sbrt_start")
    clinic.clock.forward(days=1)
    nurse = clinic.browser(Role.INVESTIGATOR)
    url = f"{clinic.url}/dates"
    preview_and_confirm(nurse, url, {"kind": "sbrt_start", "on": "2026-03-03", "reason": ""})
    typed = {"kind": "sbrt_end", "on": "2026-03-02", "reason": "as the chart says"}
    refused = nurse.post(url, data=typed)
    assert refused.status_code == 409
    assert parse_page(refused.text).all("select", name="against")
    assert "contradicts another one" in parse_page(refused.text).text
    recorded = preview_and_confirm(nurse, url, typed | {"against": "yes"})
    assert recorded.headers["location"].startswith(clinic.url)
    with clinic.app.state.installation.read() as session:
        kinds = session.exec(select(Anchor.kind).where(Anchor.standing == AnchorStanding.CURRENT)).all()
    assert "sbrt_end" in kinds
