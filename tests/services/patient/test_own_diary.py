"""A participant's own days and how many forms are done, as they are told them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.domain.capture.answers import SubmittedAnswer
from app.domain.instruments.responses import NOT_TICKED, OPEN
from app.domain.plans.status import Status
from app.domain.plans.windows import start_of_day
from app.services.core.context import ParticipantContext
from app.services.core.installation import Installation
from app.services.core.plans import excluded_items
from app.services.patient.own_diary import OwnCourse, find_worst, get_own_course
from tests.scenarios.people import START, Person

MONDAY = date(2026, 3, 2)


def course(person: Person, after: int, installation: Installation | None = None) -> OwnCourse:
    at = START + timedelta(days=after)
    return get_own_course(ParticipantContext(installation or person.installation, person.participant(at), at))


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
    library = person.installation.library
    shown = {key: replace(plan, shows_answers=True) for key, plan in library.plans.items()}
    reading = replace(person.installation, library=replace(library, plans=shown))
    assert [own.worst for own in course(person, 4, reading).days] == [7, None, None, None, None]


def test_what_is_not_ticked_is_no_number_of_a_day(person: Person) -> None:
    listed = person.installation.library.get_instrument("symptom-diary", "1.1")
    codes = dict.fromkeys((item.code for item in listed.items), NOT_TICKED)
    assert find_worst(listed, {**codes, "any_symptom": 0}) is None
    assert find_worst(listed, {**codes, "any_symptom": 1, "pain": 0, "cough": OPEN}) == 0
