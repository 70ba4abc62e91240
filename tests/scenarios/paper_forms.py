"""A questionnaire that somebody filled in on paper, as staff enter it."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from app.domain.capture.paper import PaperOutcome
from app.domain.records.access import Role
from app.services.clinic.paper.entries import TypedAnswer, TypedPaper, enter_paper
from app.services.core.context import StaffContext
from app.storage.tables.schedule import Slot
from tests.scenarios.people import START, Person, days, staff_member

TODAY = START.date()
LATER = START + days(10)


def typed_paper(collected_on: date = TODAY, **more: Any) -> TypedPaper:  # noqa: ANN401 - fields of `TypedPaper`
    answers = [TypedAnswer(f"q{number}", "3") for number in range(1, 30)]
    usual = TypedPaper((*answers, TypedAnswer("q30", "", True)), collected_on, "binder 2,  p. 7", "no_device")
    return replace(usual, **more)


def enter_typed_paper(
    person: Person, typed: TypedPaper, at: datetime = LATER, visit: str = "BL", role: Role = Role.NURSE
) -> PaperOutcome:
    context = StaffContext(person.installation, staff_member(role, person.site), at)
    return enter_paper(context, person.row().id, person.slot(visit).public_id, typed)


def whole_sheet(slot: Slot, filled_in_on: date) -> TypedPaper:
    """A sheet of this form without a gap: of a diary that there were no symptoms."""
    answers = {"any_symptom": "0"} if slot.for_day else {f"q{number}": "2" for number in range(1, 31)}
    typed = [TypedAnswer(code, answer) for code, answer in answers.items()]
    return TypedPaper(typed, filled_in_on, "sheet 1", "other", note="was abroad", late_reason="forgot")
