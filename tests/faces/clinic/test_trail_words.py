"""A trial in which everything has happened, as its trail tells it: words in each language, and no code."""

import csv
import io
import re

import pytest
from fastapi import FastAPI

from app.domain.plans.plan import Owner
from app.domain.records.access import Role
from app.domain.records.dispositions import DispositionKind
from app.services.core.context import StaffContext
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from tests.applications import Clock
from tests.faces.clinics import ClinicFixture
from tests.scenarios.beginnings import site_of
from tests.scenarios.full_course import COURSE, LATER
from tests.scenarios.people import Person
from tests.stages import Stage

CODE = re.compile(r"\b[a-zA-Z0-9]+_[a-zA-Z0-9_]+\b|^(True|False|None)$|\b[a-z]+:[a-z:]+|\d{4}-\d{2}-\d{2}T")
IN_WORDS = ("who", "roles", "what", "form", "field", "from", "to", "reason")
TECHNICAL = {"en": "Technical detail", "zh_CN": "技术细节"}
DATA = {"EDC", "Daybook", "CSV", "NDJSON"}


@pytest.fixture
def stage() -> Stage:
    return COURSE


@pytest.mark.req("AUD-08")
def test_nothing_in_it_is_a_code(app: FastAPI, clock: Clock) -> None:
    clock.at = LATER
    site = site_of(app.state.installation)
    person = Person(app.state.installation, site, "0571-001")
    clinic = ClinicFixture(app, clock, site, person)
    withdrawal = DispositionEntry(DispositionKind.withdrew_treatment, str(LATER.date()), Owner.site)
    nurse = StaffContext(person.installation, person.nurse, LATER)
    record_disposition(nurse, site.study_id, person.subject, withdrawal)
    history = clinic.browser(Role.NURSE).get(f"{clinic.url}/history").text
    assert "withdrew_treatment" not in history
    words_of: dict[str, set[str]] = {}
    for language, technical in TECHNICAL.items():
        monitor = clinic.browser(Role.MONITOR, None, language)
        assert monitor.get("/desk/trail").status_code == 200
        file = monitor.get("/desk/trail/entries.csv").text.removeprefix("\ufeff")
        rows = [row for row in csv.DictReader(io.StringIO(file)) if row["field"] != technical]
        words_of[language] = {row[name] for row in rows for name in IN_WORDS}
        assert {words for words in words_of[language] if CODE.search(words)} == set()
        words_of[language] = {row[name] for row in rows for name in ("what", "roles", "field")} - {""}
    assert words_of["en"] & words_of["zh_CN"] <= DATA
