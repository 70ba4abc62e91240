"""Scores and diary over time as a use case gives them: exact, newest, and without what reveals the arm."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from sqlmodel import select

from app.domain.instruments.scoring.course import mean_of_weeks
from app.domain.records.access import Permission, Role
from app.domain.records.audit import AuditEvent
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.clinic.participants.score_courses import ParticipantScores, get_participant_scores
from app.services.core.context import ParticipantContext, StaffContext
from app.storage.row_changes import participant_chain
from app.storage.tables.schedule import Anchor
from tests.scenarios.arms import assign_arm, with_hidden_arms
from tests.scenarios.people import START, Person, bind_browser, days, qlq, staff_member
from tests.statement_log import record_statements, statement_verbs

WEEK_6 = START + days(42)
HOUR = timedelta(hours=1)
LATER = START + days(1)


@pytest.fixture
def alone(lone: Person) -> Person:
    """Somebody on SQLite alone: what is read of them the same on both databases."""
    return lone


def seen(person: Person, at: datetime = WEEK_6, role: Role = Role.INVESTIGATOR) -> ParticipantScores:
    context = StaffContext(person.installation, staff_member(role, person.site), at)
    return get_participant_scores(context, person.row().id)


def submit(person: Person, visit: str, at: datetime, answers: dict[str, int | str | None]) -> None:
    person.cookie = bind_browser(person, at)
    person.begin(visit, at)
    person.submit(visit, at, answers)


@pytest.mark.req("CAP-18")
def test_scores_are_exact_and_compared_with_the_baseline(person: Person) -> None:
    assert seen(person, START).diary is None
    submit(person, "BL", START, qlq(2))
    person.randomise(START.date(), START + HOUR)
    submit(person, "D0", START + 2 * HOUR, {"any_symptom": 0})
    submit(person, "W6", WEEK_6, qlq(3) | {"q1": None})
    with record_statements(person.installation.engine) as statements:
        view = seen(person, WEEK_6 + HOUR)
    assert 2 <= statement_verbs(statements).count("SELECT") <= 7  # one finds their key
    (course,) = view.instruments
    physical = next(each for each in course.courses if each.scale.code == "PF")
    assert [point.visit for point in physical.points] == ["BL", "W6"]
    assert physical.change == Fraction(100, 3) - Fraction(200, 3)
    assert (physical.low, physical.high) == (0, 100)
    assert physical.points[1].score is not None
    assert (physical.points[1].score.answered, physical.points[1].score.asked) == (4, 5)
    assert course.thresholds is None
    assert [each.kind for each in view.events] == ["enrolment", "randomisation"]
    assert view.diary is not None
    first, second, *_rest = view.diary.days
    assert (first.entered, first.missed, second.entered, second.missed) == (True, False, False, True)
    assert {each.value for each in first.severities.values()} == {0}
    assert "pain" in view.diary.symptoms
    assert second.severities == {}
    assert len(view.diary.days) == 43  # what has not opened yet is not there


def test_study_weeks_are_counted_from_their_anchor_not_from_the_first_day_shown(alone: Person) -> None:
    """An entry that was made before the day of randomisation was corrected keeps its day."""
    alone.randomise(START.date(), START)
    submit(alone, "D0", START + HOUR, {"any_symptom": 0})
    moved = START.date() + timedelta(days=3)
    alone.randomise(moved, START + days(4))
    diary = seen(alone, START + days(20)).diary
    assert diary is not None
    assert (diary.days[0].day, diary.weeks_from) == (START.date(), moved)
    means = mean_of_weeks(diary.weeks_from, [(each.day, None) for each in diary.days])
    assert [each.week for each in means][:2] == [-1, 0]


@pytest.mark.usefixtures("randomised")
def test_a_missed_visit_is_a_gap_and_the_future_is_nothing(alone: Person) -> None:
    (course,) = seen(alone, START + days(60)).instruments
    points = course.courses[0].points
    assert [(point.visit, point.missed, point.value) for point in points] == [
        ("BL", True, None),
        ("W6", True, None),
    ]
    assert course.courses[0].baseline is None


def test_before_randomisation_the_last_form_is_the_baseline_so_far(alone: Person) -> None:
    submit(alone, "BL", START, qlq(2))
    (course,) = seen(alone, START + HOUR).instruments
    assert course.courses[0].baseline == course.courses[0].points[0]


def test_a_form_submitted_after_randomisation_is_no_baseline(alone: Person) -> None:
    submit(alone, "BL", START + HOUR, qlq(2))
    alone.randomise(START.date(), START + 2 * HOUR)
    (course,) = seen(alone, START + 3 * HOUR).instruments
    assert course.courses[0].baseline is not None  # a day alone counts as before
    with alone.installation.open_work(alone.nurse, START + 3 * HOUR) as work:
        chain = participant_chain(alone.row().id)
        work.lock(chain)
        anchor = work.session.exec(select(Anchor).where(Anchor.kind == "randomisation")).one()
        anchor.dated_at = START
        work.record(AuditEvent.ANCHOR_RECORDED, chain)
    (course,) = seen(alone, START + 3 * HOUR).instruments
    assert course.courses[0].baseline is None
    assert course.courses[0].latest is None or course.courses[0].latest.visit == "BL"


@pytest.mark.req("CAP-18", "TIM-05")
@pytest.mark.parametrize(
    ("facts", "completed_on", "is_baseline"),
    [
        ({}, LATER.date(), False),
        ({"device_at": START, "skew": 0}, LATER.date(), False),
        ({"device_at": START, "skew": 0, "offline": True}, START.date(), True),
        ({"device_at": START, "skew": 86400, "offline": True}, LATER.date(), False),
        ({"collected_on": START.date()}, START.date(), True),
    ],
)
def test_a_form_is_dated_as_datasets_date_it(
    alone: Person, facts: dict[str, Any], completed_on: date, is_baseline: bool
) -> None:
    """By the day on the paper, or by the device's clock set right where it could not be sent at once."""
    alone.cookie = bind_browser(alone, START)
    slot = alone.begin("BL", START)
    alone.randomise(START.date(), START + HOUR)
    sending = SubmittedForm(qlq(2), submission="s1", reviewed=True, **facts)
    context = ParticipantContext(alone.installation, alone.participant(LATER), LATER)
    submit_form(context, slot, sending)
    (course,) = seen(alone, LATER + HOUR).instruments
    point = course.courses[0].points[0]
    assert (point.completed_on, point.may_be_baseline) == (completed_on, is_baseline)


def test_thresholds_are_there_where_the_plan_names_a_set_and_say_their_source(alone: Person) -> None:
    library = alone.installation.library
    plans = {
        key: replace(
            plan,
            instruments=tuple(
                replace(used, thresholds="giesinger-2020" if used.id == "qlq-c30" else "")
                for used in plan.instruments
            ),
        )
        for key, plan in library.plans.items()
    }
    alone.installation = replace(alone.installation, library=replace(library, plans=plans))
    (course,) = seen(alone, START).instruments
    assert course.thresholds is not None
    assert course.thresholds.source.startswith("Giesinger JM et al.")
    physical = next(each.scale for each in course.courses if each.scale.code == "PF")
    assert course.thresholds.find_limit(physical) == (Fraction(83), False)


@pytest.mark.req("AUD-10")
def test_what_reveals_the_arm_is_not_there_for_the_blinded(alone: Person) -> None:
    # Whoever may see scores today may see the arm too; the page does not rely on that.
    alone.randomise(START.date(), START)
    assign_arm(alone, "SBRT", 0)
    alone.anchor("sbrt_end", START.date(), START + HOUR)
    submit(alone, "EOT", START + 2 * HOUR, qlq(1))
    open_label = seen(alone, WEEK_6, Role.MONITOR)
    assert "EOT" in {point.visit for point in open_label.instruments[0].courses[0].points}
    alone.installation = with_hidden_arms(alone.installation)
    hidden = seen(alone, WEEK_6, Role.MONITOR)
    assert "EOT" not in {point.visit for point in hidden.instruments[0].courses[0].points}
    assert [each.kind for each in hidden.events] == ["enrolment", "randomisation"]
    assert "sbrt_end" in {each.kind for each in seen(alone).events}  # an investigator has the grant


@pytest.mark.req("IAM-02")
def test_the_study_lets_investigators_see_scores_and_nurses_never(alone: Person) -> None:
    row = alone.row()
    allowed = [
        role
        for role in Role
        if staff_member(role, alone.site).may(Permission.SCORES_SEE, row.study_id, row.site_id)
    ]
    assert allowed == [Role.INVESTIGATOR, Role.STATISTICIAN]
