"""The page of a participant's history: what happened in words, by whom, by kind, and never the arm."""

from datetime import timedelta

from app.clinic.records.event_words import EVENT_WORDS
from app.domain.desk.history import HistoryKind, list_history_events
from app.domain.records.access import Role
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.scenarios.people import START, qlq


def test_every_event_that_a_history_tells_has_words() -> None:
    assert set(list_history_events()) <= set(EVENT_WORDS)


def test_a_history_says_what_happened_and_who_did_it(clinic: ClinicFixture) -> None:
    clinic.person.begin("BL", START)
    clinic.person.submit("BL", START, qlq(2))
    clinic.person.randomise(START.date(), START + timedelta(hours=1))
    nurse = clinic.browser(Role.NURSE)
    shown = page(nurse, f"{clinic.url}/history").one("main").text
    assert "Form sent · BL" in shown
    assert "Enrolled" in shown
    assert "SBRT" not in shown
    for kind in HistoryKind:
        assert nurse.get(f"{clinic.url}/history?kind={kind}").status_code == 200
    forms = page(nurse, f"{clinic.url}/history?kind=forms").one("main").text
    assert "Form sent · BL" in forms
    assert "Enrolled" not in forms
    assert nurse.get(f"{clinic.url}/history?kind=forms&before=1").status_code == 200
    assert nurse.get(f"{clinic.url}/history?before=x").status_code == 422
    assert clinic.browser(Role.NURSE, "0021").get(f"{clinic.url}/history").status_code == 404
