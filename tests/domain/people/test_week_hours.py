"""Hours by day of the week: read in one way, and said in as few lines as say them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.people.week_hours import (
    WEEKDAYS,
    DaySpan,
    group_days,
    is_answered,
    next_answered_day,
    parse_week_hours,
)
from app.domain.refusal import Refused

HOURS = st.sampled_from(["08:00-17:00", "08:00-11:30, 13:30-17:00", "00:00-24:00"])
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
MOMENTS = st.integers(0, 7 * 24 * 60 - 1).map(lambda minutes: MONDAY + timedelta(minutes=minutes))


@given(st.dictionaries(st.sampled_from(WEEKDAYS), HOURS))
def test_the_lines_say_every_day_and_no_other(week: dict[str, str]) -> None:
    said = {
        day: span.hours
        for span in group_days(week)
        for day in WEEKDAYS[WEEKDAYS.index(span.first) : WEEKDAYS.index(span.last) + 1]
    }
    assert said == week
    assert group_days(parse_week_hours(week)) == group_days(week)


def test_days_in_a_row_share_a_line() -> None:
    week = {day: "08:00-17:00" for day in WEEKDAYS if day != "wed"}
    assert group_days(week) == (DaySpan("mon", "tue", "08:00-17:00"), DaySpan("thu", "sun", "08:00-17:00"))


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("8:00-17.30", "08:00-17:30"),
        ("08:00 \u2013 24:00", "08:00-24:00"),
        ("8:00\u2014\u201417:30", "08:00-17:30"),
        ("8:00\uff5e17:30", "08:00-17:30"),
        ("8:00 \u81f3 17:30", "08:00-17:30"),
        ("8:00\u523017:30", "08:00-17:30"),
        ("\uff18\uff1a00-\uff11\uff17:00", "08:00-17:00"),
        ("13:30-17:00, 8:00-11:30", "08:00-11:30, 13:30-17:00"),
        ("8:00\u81f311:30\uff0c13:30\u81f317:00", "08:00-11:30, 13:30-17:00"),
        ("8:00-11:30\u300113:30-17:00", "08:00-11:30, 13:30-17:00"),
        ("8:00-11:30 and 13:30 - 17:00 / 19:00-20:00", "08:00-11:30, 13:30-17:00, 19:00-20:00"),
        ("8:00-12:00 12:00-17:00", "08:00-12:00, 12:00-17:00"),
    ],
)
def test_hours_are_read_however_they_are_typed(typed: str, stored: str) -> None:
    assert parse_week_hours({"mon": typed}) == {"mon": stored}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("morning", "bad_hours"),
        ("08:00-24:30", "bad_hours"),
        ("25:00-26:00", "bad_hours"),
        ("8-17", "bad_hours"),
        ("17:00-08:00", "hours_backwards"),
        ("08:00-08:00", "hours_backwards"),
        ("08:00-11:30, 17:00-13:30", "hours_backwards"),
        ("08:00-11:30, 11:00-17:00", "hours_overlap"),
        ("08:00-11:30, 08:00-11:30", "hours_overlap"),
        ("08:00-11:3013:30-17:00", "bad_hours"),
        ("08:00-11:30,", "bad_hours"),
        ("08:00-11:30, afternoon", "bad_hours"),
        (" ".join(f"{hour}:00-{hour}:30" for hour in range(10, 15)), "bad_hours"),
    ],
)
def test_other_hours_are_refused_by_day_and_say_why(typed: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_week_hours({"sun": typed})
    assert (refusal.value.code, refusal.value.details["field"]) == (code, "hours_sun")


@given(st.dictionaries(st.sampled_from(WEEKDAYS), HOURS), MOMENTS)
def test_the_next_day_is_the_first_on_which_somebody_answers(week: dict[str, str], at: datetime) -> None:
    minutes = (at + timedelta(minutes=ahead) for ahead in range(8 * 24 * 60))
    first = next((each for each in minutes if is_answered(week, each)), None)
    assert next_answered_day(week, at) == (first.date() if first else None)


@pytest.mark.parametrize(
    ("at", "answered"),
    [
        (f"{hour:02}:{rest}", 8 <= hour < 17)
        for hour in (7, 8, 11, 12, 13, 16, 17)
        for rest in ("00", "29", "30", "59")
    ],
)
def test_hours_begin_with_their_first_minute_and_end_before_their_last(at: str, answered: bool) -> None:
    moment = datetime.fromisoformat(f"2026-03-02T{at}+00:00")
    assert is_answered({"mon": "08:00-17:00"}, moment) is answered
    assert not is_answered({"tue": "08:00-17:00"}, moment)
    rests = is_answered({"mon": "08:00-11:30, 13:30-17:00"}, moment)
    assert rests is (answered and not "11:30" <= at < "13:30")
