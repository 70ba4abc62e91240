"""Alerts at the desk: who sees and handles them, in which order, pressed twice and from an old page."""

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from app.domain.instruments.responses import NOT_TICKED
from app.domain.plans.plan import Owner
from app.domain.records.access import Role
from app.domain.records.dispositions import DispositionKind
from app.services.core.context import StaffContext
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.tables.capture import Alert
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import hidden_of, page
from tests.faces.participant_browsers import invite
from tests.scenarios.alerts import escalate_alerts
from tests.scenarios.people import START
from tests.scenarios.reminders import MailServer, message_sender


@pytest.fixture
def alert(clinic: ClinicFixture) -> str:
    """The address of the alert that a diary entry with much chest pain raised."""
    person, at = clinic.person, START + timedelta(days=2)
    person.randomise(at.date(), at)
    clinic.clock.at = at
    person.begin("D0", at)
    answers: dict[str, int | str | None] = dict.fromkeys(SYMPTOMS, NOT_TICKED)
    person.submit("D0", at, answers | {"any_symptom": 1, "chest_pain": 9})
    escalate_alerts(person.installation, message_sender(MailServer()), at)  # nobody of the site is there yet
    with person.installation.read() as session:
        return f"{clinic.url}/alerts/{session.exec(select(Alert.public_id)).one()}"


SYMPTOMS = (
    "any_symptom fatigue pain chest_pain cough breathlessness blood_in_sputum trouble_swallowing appetite "
    "nausea vomiting diarrhoea constipation fever skin_reaction rash numbness mouth_sores sleep low_mood"
).split()


def press(client: TestClient, alert: str, what: str, **typed: str) -> str:
    """Press a button of the alert's page as it is now; where that leads."""
    done = client.post(f"{alert}/{what}", data=hidden_of(client.get(alert)) | typed)
    assert done.status_code == 303, done.text[:800]
    return str(done.headers["location"]).removeprefix(alert)


@pytest.mark.req("ALR-03")
def test_a_nurse_acknowledges_acts_and_closes(clinic: ClinicFixture, alert: str, nurse: TestClient) -> None:
    assert page(nurse, "/desk").all("a", href=clinic.url)
    assert page(nurse, "/desk").all("a", href=f"{clinic.url}#alerts")
    assert page(nurse, clinic.url).all("h2", id="alerts")
    assert page(nurse, "/desk/alerts").all("a", href=alert)
    assert page(nurse, clinic.url).all("a", href=alert)
    snooze = page(nurse, f"{clinic.url}/snooze")
    assert "An alert can't be snoozed" in snooze.text
    assert not any("alert" in each["value"] for each in snooze.all("input", name="reasons"))
    shown = page(nurse, alert)
    assert "Chest pain: 8 or more out of 10" in shown.text
    assert "Nobody could be notified." in shown.text
    assert not shown.all("form", action=f"{alert}/actions")
    assert press(nurse, alert, "acknowledgement") == "?done=acknowledged"
    assert press(nurse, alert, "actions", kind="called", note="feels better") == "?done=acted"
    assert "feels better" in page(nurse, alert).text
    assert press(nurse, alert, "closing", note="no visit needed") == "?done=closed"
    assert not page(nurse, alert).all("button", text="Close the alert")
    assert "No alerts are open." in page(nurse, "/desk/alerts").text
    assert page(nurse, "/desk/alerts?closed=1").all("a", href=alert)
    assert "Alert closed: Chest pain: 8 or more out of 10 · D0" in page(nurse, f"{clinic.url}/history").text
    (line,) = csv.DictReader(io.StringIO(nurse.get("/desk/alerts.csv").text.lstrip("\ufeff")))
    assert (line["rule"], line["minutes_to_acknowledge"], line["note"]) == (
        "chest_pain",
        "0",
        "no visit needed",
    )
    assert line["actions"] == "2026-03-04T01:30:00.000Z called feels better"


def test_what_is_refused_is_said_and_nothing_typed_is_lost(alert: str, nurse: TestClient) -> None:
    old = hidden_of(nurse.get(alert))
    early = nurse.post(f"{alert}/actions", data=old | {"kind": "called", "note": "spoke to her"})
    assert (early.status_code, "You wrote: <bdi>spoke to her</bdi>" in early.text) == (409, True)
    press(nurse, alert, "acknowledgement")
    again = nurse.post(f"{alert}/acknowledgement", data=hidden_of(nurse.get(alert)))
    assert (again.status_code, "already acknowledged this alert" in again.text) == (409, True)
    for typed, words in (
        ({"note": "x"}, "Please choose what was done."),
        ({"kind": "other"}, "Please write a note."),
        ({"kind": "called", "note": "13812345678"}, 'value="13812345678"'),
    ):
        refused = nurse.post(f"{alert}/actions", data=hidden_of(nurse.get(alert)) | typed)
        assert (refused.status_code, words in refused.text) == (422, True), typed
    press(nurse, alert, "actions", kind="called")
    seen = hidden_of(nurse.get(alert))
    press(nurse, alert, "actions", kind="visit_arranged")
    stale = nurse.post(f"{alert}/closing", data=seen | {"note": "done"})
    assert (stale.status_code, 'value="done"' in stale.text) == (409, True)
    assert page(nurse, alert).text.count("· Arranged a visit") == 1


@pytest.mark.req("ALR-09")
def test_readers_read_and_others_see_nothing(clinic: ClinicFixture, alert: str) -> None:
    monitor = clinic.browser(Role.MONITOR)
    shown = page(monitor, alert)
    assert not shown.all("form", action=f"{alert}/acknowledgement")
    assert "They are not a diagnosis or advice on treatment." in shown.text
    assert monitor.post(f"{alert}/acknowledgement").status_code in (403, 404)
    assert page(monitor, "/desk/alerts").all("a", href=alert)
    elsewhere = clinic.browser(Role.NURSE, site="0021")
    assert elsewhere.get(alert).status_code == 404
    assert "No alerts are open." in page(elsewhere, "/desk/alerts").text
    assert clinic.browser(Role.SPONSOR_VIEWER).get("/desk/alerts").status_code == 403


@pytest.mark.req("ALR-03")
def test_alerts_after_an_exit_are_counted_on_the_front_page(
    clinic: ClinicFixture, alert: str, nurse: TestClient
) -> None:
    assert "who has left" not in page(nurse, "/desk").text
    person = clinic.person
    context = StaffContext(person.installation, person.nurse, clinic.clock.at)
    today = clinic.clock.at.date().isoformat()
    entry = DispositionEntry(DispositionKind.death, today, Owner.site, reason="told by the family")
    record_disposition(context, person.site.study_id, person.subject, entry)
    front = page(nurse, "/desk")
    assert "1 alert is open about a participant who has left" in front.text
    assert front.one("main").all("a", href="/desk/alerts?site=")
    assert front.all("a", href=clinic.url) == []  # nobody is to call them
    assert page(nurse, "/desk/alerts").all("a", href=alert)


@pytest.mark.req("ALR-01")
def test_a_study_that_nobody_watches_says_so(clinic: ClinicFixture, alert: str, nurse: TestClient) -> None:
    chinese = clinic.browser(Role.NURSE, language="zh_CN")
    assert "夜间和节假日没有人查看预警" in page(chinese, "/desk/alerts").text
    assert "胸痛：8 分及以上（满分 10 分）" in page(chinese, alert).text
    unwatched(clinic)
    assert "In this study nobody reads the answers straight away. Nobody." in page(nurse, "/desk/alerts").text


@pytest.mark.req("ALR-05")
def test_participants_read_how_soon_somebody_looks(clinic: ClinicFixture) -> None:
    phone = invite(clinic.app, clinic.person)
    phone.activate()
    within = "Your study team looks at worrying answers within 48 hours, not straight away."
    assert within in phone.client.get("/home").text
    unwatched(clinic)
    assert "No one reads the answers straight away." in phone.client.get("/home").text


def unwatched(clinic: ClinicFixture) -> None:
    """From now on the plans of this application say that nobody watches."""
    installation = clinic.app.state.installation
    plans = {
        key: replace(
            plan, monitoring="none", monitoring_reason={"en": "Nobody."}, alert_rules=(), out_of_hours={}
        )
        for key, plan in installation.library.plans.items()
    }
    clinic.app.state.installation = replace(installation, library=replace(installation.library, plans=plans))
