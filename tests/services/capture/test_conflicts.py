"""Two phones that answer the same question without knowing of each other are listed, not overwritten."""

from datetime import timedelta

import pytest

from app.domain.capture.answers import SubmittedAnswer
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.clinic.participant_overview import get_participant_overview
from app.services.core.context import ParticipantContext, StaffContext
from tests.scenarios.people import START, Person, qlq

SOON = START + timedelta(minutes=1)


def listed(person: Person) -> list[tuple[str, str]]:
    context = StaffContext(person.installation, person.nurse, SOON)
    conflicts = get_participant_overview(context, person.row().id).conflicts
    assert all(each.earlier_at <= each.later_at for each in conflicts)
    return [(each.slot.visit, each.item) for each in conflicts]


@pytest.mark.req("OFF-05")
def test_two_phones_that_did_not_know_of_each_other_are_listed(person: Person) -> None:
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3), SubmittedAnswer(2, 0, "q2", 3), client="first")
    person.save(
        "BL",
        SOON,
        SubmittedAnswer(1, 0, "q1", 4),
        SubmittedAnswer(2, 0, "q2", 3),
        SubmittedAnswer(3, 0, "q3", 1),
        client="second",
    )
    assert listed(person) == [("BL", "q1")]


def test_who_changes_what_they_saw_is_no_conflict(person: Person) -> None:
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3), client="first")
    person.save("BL", SOON, SubmittedAnswer(1, 1, "q1", 4), client="second")
    person.save("BL", SOON, SubmittedAnswer(2, 1, "q1", 2), client="second")
    assert listed(person) == []


@pytest.mark.req("OFF-05")
def test_a_form_submitted_over_another_phones_answer_is_a_conflict(person: Person) -> None:
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q2", 2), client="first")
    person.save("BL", START, SubmittedAnswer(1, 1, "q1", 4), client="second")
    sending = SubmittedForm(qlq(2), submission="first", reviewed=True, base=1)
    submit_form(
        ParticipantContext(person.installation, person.participant(SOON), SOON),
        person.slot("BL").public_id,
        sending,
    )
    assert listed(person) == [("BL", "q1")]


def test_a_page_that_sends_what_it_saved_is_alone(person: Person) -> None:
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 4), client="first")
    sending = SubmittedForm(qlq(2), submission="first", reviewed=True, base=0)
    submit_form(
        ParticipantContext(person.installation, person.participant(SOON), SOON),
        person.slot("BL").public_id,
        sending,
    )
    assert listed(person) == []
