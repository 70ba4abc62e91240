"""How scores go from visit to visit: baseline, latest, change, all exact until they are shown."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instruments.definition import Direction
from app.domain.instruments.scoring.course import (
    NOTABLE_CHANGES,
    CoursePoint,
    ScaleCourse,
    mean_of_weeks,
    round_score,
)
from app.domain.instruments.scoring.score import Score, ScoreStatus
from app.domain.instruments.scoring.thresholds import parse_thresholds
from app.domain.refusal import BadDefinition
from tests.domain.questionnaires import QUESTIONNAIRES, shipped_instrument

DAY = date(2026, 3, 2)
QLQ = shipped_instrument("qlq-c30/3.0")
GIESINGER_TEXT = (QUESTIONNAIRES / "thresholds/qlq-c30/giesinger-2020.toml").read_text("utf-8")
GIESINGER = parse_thresholds(GIESINGER_TEXT, "giesinger-2020.toml", [QLQ])
PF = next(scale for scale in QLQ.scales if scale.code == "PF")


def point(
    week: int, value: Fraction | None, baseline: bool = False, submitted_day: int | None = None
) -> CoursePoint:
    score = Score("PF", value, 5, 5, ScoreStatus.COMPLETE, "qlq-c30", "3.0", QLQ.algorithm)
    on = DAY + timedelta(weeks=week)
    return CoursePoint(
        f"W{week}", on, on + timedelta(days=submitted_day or 0), score, missed=False, may_be_baseline=baseline
    )


def course(*points: CoursePoint) -> ScaleCourse:
    return ScaleCourse(PF, 0, 100, points)


def test_the_change_is_exact_and_rounded_once() -> None:
    changes = course(
        point(0, Fraction(200, 3), baseline=True), point(6, Fraction(40)), point(12, Fraction(50))
    )
    assert changes.baseline == changes.points[0]
    assert changes.latest == changes.points[2]
    assert changes.change == Fraction(-50, 3)
    assert round_score(Fraction(-50, 3)) == -17


def test_the_baseline_is_the_last_valid_form_before_its_anchor() -> None:
    changes = course(
        point(0, Fraction(10), baseline=True),
        point(1, Fraction(20), baseline=True),
        point(2, None, baseline=True),
        point(3, Fraction(30)),
    )
    assert changes.baseline == changes.points[1]
    assert changes.latest == changes.points[3]
    assert changes.change == 10


def test_the_latest_form_is_the_one_submitted_last() -> None:
    changes = course(point(6, Fraction(30), submitted_day=60), point(12, Fraction(50)))
    assert changes.latest == changes.points[0]
    assert changes.baseline is None
    assert changes.change is None


def test_without_a_later_form_there_is_no_change() -> None:
    missed = CoursePoint("W6", DAY, None, None, missed=True)
    changes = course(point(0, Fraction(10), baseline=True), missed)
    assert (changes.latest, changes.change, missed.value) == (None, None, None)
    assert course(missed).baseline is None
    assert (changes.trend, changes.reaches_change(NOTABLE_CHANGES[QLQ.algorithm])) == ("", False)


@pytest.mark.parametrize(
    ("latest", "functional", "symptom", "reached"),
    [
        (Fraction(40), "worse", "better", True),
        (Fraction(60), "better", "worse", True),
        (Fraction(60) - Fraction(1, 60), "better", "worse", False),
        (Fraction(50) + Fraction(1, 3), "", "", False),  # which reads as no change
    ],
)
def test_a_change_is_better_or_worse_by_its_direction_and_reaches_its_points_exactly(
    latest: Fraction, functional: str, symptom: str, reached: bool
) -> None:
    fatigue = next(scale for scale in QLQ.scales if scale.code == "FA")
    points = (point(0, Fraction(50), baseline=True), point(6, latest))
    courses = [ScaleCourse(scale, 0, 100, points) for scale in (PF, fatigue)]
    assert [each.trend for each in courses] == [functional, symptom]
    assert courses[0].reaches_change(NOTABLE_CHANGES[QLQ.algorithm]) is reached
    assert not courses[0].reaches_change(None)


@given(st.fractions(min_value=-100, max_value=100, max_denominator=60))
def test_rounding_is_alike_in_both_directions(value: Fraction) -> None:
    assert round_score(-value) == -round_score(value)
    assert abs(round_score(value) - value) <= Fraction(1, 2)


def test_weeks_without_an_entry_have_no_mean() -> None:
    days = [
        (DAY, Fraction(1)),
        (DAY + timedelta(1), None),
        (DAY + timedelta(6), Fraction(2)),
        (DAY + timedelta(8), None),
        (DAY + timedelta(21), Fraction(4)),
    ]
    means = mean_of_weeks(DAY, days)
    assert [(each.week, each.value) for each in means] == [
        (0, Fraction(3, 2)), (1, None), (2, None), (3, Fraction(4)),
    ]  # fmt: skip
    assert mean_of_weeks(DAY, []) == ()
    later = mean_of_weeks(DAY - timedelta(3), days)
    assert [each.value for each in later] == [Fraction(1), Fraction(2), None, Fraction(4)]
    assert [each.week for each in mean_of_weeks(DAY + timedelta(3), days)] == [-1, 0, 1, 2]


@given(
    st.integers(-30, 30),
    st.lists(
        st.tuples(st.integers(0, 60), st.none() | st.integers(0, 10)), min_size=1, unique_by=lambda x: x[0]
    ),
)
def test_a_week_is_that_of_the_study_whatever_was_shown_first(
    start: int, entries: list[tuple[int, int | None]]
) -> None:
    """Every entry counts in one week, once, and no other week has a mean."""
    values = [(DAY + timedelta(day), None if said is None else Fraction(said)) for day, said in entries]
    means = {each.week: each.value for each in mean_of_weeks(DAY + timedelta(start), values)}
    assert list(means) == list(range(min(means), max(means) + 1))
    for week, mean in means.items():
        own = [said for day, said in entries if said is not None and 0 <= day - start - 7 * week < 7]
        assert mean == (Fraction(sum(own), len(own)) if own else None)


def test_of_two_forms_of_one_day_the_later_is_the_baseline_and_the_latest() -> None:
    """As datasets choose them; what tells the day alone, as paper does, comes before any hour of it."""
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def on_day(baseline: bool, *hours: int | None) -> tuple[CoursePoint, ...]:
        return tuple(
            replace(
                point(0, Fraction(number), baseline),
                completed_at=None if hour is None else noon + timedelta(hours=hour),
            )
            for number, hour in enumerate(hours)
        )

    for hours, chosen in (((0, 1), 1), ((1, 0), 0), ((0, None), 0), ((None, 0), 1)):
        both = course(*on_day(True, *hours), *on_day(False, *hours))
        assert (both.baseline, both.latest) == (both.points[chosen], both.points[2 + chosen]), hours


@pytest.mark.req("REP-07")
def test_thresholds_name_their_source_and_scales_that_exist() -> None:
    scales = {scale.code: scale for scale in QLQ.scales}
    assert set(GIESINGER.limits) <= set(scales)
    assert "2020" in GIESINGER.source
    assert GIESINGER.find_limit(scales["PF"]) == (Fraction(83), False)
    assert GIESINGER.find_limit(scales["FA"]) == (Fraction(39), True)
    assert GIESINGER.find_limit(scales["QL"]) is None
    assert GIESINGER.find_limit(scales["SUM"]) is None


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("PF = 83", "XX = 83", "limits.XX"),
        ("PF = 83", "PF = 101", "limits.PF"),
        ("PF = 83", "PF = 82.5", "limits.PF"),
        ("PF = 83", 'PF = 83\nnote = "none"', "limits.note"),
        ("Giesinger JM", "吉辛格", "source"),
        ("Giesinger JM", "Giesinger Johannes M and others", "source"),
        ("[limits]", "[limit]", "limits"),
        ("source", "sauce", "source"),
    ],
)
def test_thresholds_that_cannot_be_meant_are_refused(old: str, new: str, key: str) -> None:
    with pytest.raises(BadDefinition) as refused:
        parse_thresholds(GIESINGER_TEXT.replace(old, new, 1), "file.toml", [QLQ])
    assert refused.value.key == key


def test_beyond_is_always_the_worse_side() -> None:
    for scale in QLQ.scales:
        limit = GIESINGER.find_limit(scale)
        assert limit is None or limit[1] is (scale.better is Direction.LOWER)
