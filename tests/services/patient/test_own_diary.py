"""A participant's own days and how many forms are done, as they are told them."""

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.domain.capture.answers import SubmittedAnswer
from app.domain.instruments.severity import has_severity
from app.domain.plans.status import Status
from app.domain.plans.windows import start_of_day
from app.domain.records.access import Role
from app.services.clinic.participant_overview import get_participant_overview
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import excluded_items
from app.services.patient.own_diary import OwnCourse, get_own_course
from tests.scenarios.people import START, Person, staff_member

MONDAY = date(2026, 3, 2)


def course(person: Person, after: int, installation: Installation | None = None) -> OwnCourse:
    at = START + timedelta(days=after)
    return get_own_course(ParticipantContext(installation or person.installation, person.participant(at), at))


def reading(person: Person) -> Installation:
    """An installation of which every plan shows participants what they answered."""
    library = person.installation.library
    shown = {key: replace(plan, shows_answers=True) for key, plan in library.plans.items()}
    return replace(person.installation, library=replace(library, plans=shown))


def symptoms(person: Person) -> dict[str, int | str | None]:
    """Everything that the plan asks of a day with symptoms, left blank, without what hangs on one."""
    library = person.installation.library
    excluded = excluded_items(library.get_plan("sbrt-nsclc", "1.0"), "symptom-diary") | {"temperature"}
    items = library.get_instrument("symptom-diary", "1.0").items
    return {item.code: None for item in items if item.code not in excluded}


@pytest.mark.req("CAP-10")
def test_own_days_are_done_missed_or_open_and_forms_are_counted(person: Person) -> None:
    assert course(person, 0) == OwnCourse((), 0, 1, None)
    person.randomise(MONDAY, START)
    person.begin("D0", START)
    person.save("D0", START, SubmittedAnswer(1, 0, "any_symptom", 1), SubmittedAnswer(2, 0, "pain", 7))
    person.submit("D0", START, {**symptoms(person), "any_symptom": 1, "pain": 7, "fatigue": 3})
    own_course = course(person, 4)
    assert [(own.day.day, own.status, own.worst) for own in own_course.days] == [
        (2, Status.submitted, None),
        (3, Status.missed, None),
        (4, Status.overdue, None),
        (5, Status.overdue, None),
        (6, Status.due, None),
    ]
    assert (own_course.submitted, own_course.next_at) == (0, start_of_day(date(2026, 3, 7), "Asia/Shanghai"))
    assert own_course.expected > 5
    worst = [own.worst for own in course(person, 4, reading(person)).days]
    assert [each and each.text for each in worst] == ["7", None, None, None, None]


@pytest.mark.parametrize("seed", range(3))
def test_the_desk_and_the_participant_are_told_the_same_of_each_day(person: Person, seed: int) -> None:
    """Drawn days: left blank, without symptoms, and codes beside numbers."""
    rng, library = random.Random(seed), person.installation.library
    person.randomise(MONDAY, START)
    items = [library.get_instrument("symptom-diary", "1.0").get_item(code) for code in symptoms(person)]
    graded = [item for item in items if has_severity(item)]
    for day in range(10):
        at = START + timedelta(days=day)
        some = {item.code: rng.choice((None, *range(item.high + 1))) for item in graded}
        said = symptoms(person) | some | {"any_symptom": 1} if rng.random() < 0.7 else {"any_symptom": 0}
        person.begin(f"D{day}", at)
        person.submit(f"D{day}", at, said)
    own = course(person, 9, reading(person))
    context = StaffContext(person.installation, staff_member(Role.INVESTIGATOR, person.site), START)
    desk = get_participant_overview(context, person.row().id).worst
    assert {each.slot: each.worst for each in own.days if each.worst} == desk
    assert len(desk) >= 5
    assert [each.worst for each in course(person, 9).days] == [None] * 10


def test_the_face_of_the_participant_tells_the_end_of_another_row(person: Person) -> None:
    person.randomise(MONDAY, START)
    person.begin("D0", START)
    person.submit("D0", START, {**symptoms(person), "any_symptom": 1, "pain": 7, "vomiting": 3})
    (first, *_later) = course(person, 1, reading(person)).days
    assert first.worst is not None
    assert first.worst.text == "3/4"
