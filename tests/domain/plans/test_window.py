"""Local days and their instants, where clocks jump, days vanish and months are short."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.plans.windows import (
    Unit,
    add_units,
    build_window,
    load_zone,
    local_day,
    local_moment,
    start_of_day,
)
from app.domain.refusal import Refused
from tests.domain.trial import APIA, BERLIN, SAO_PAULO, SHANGHAI, ZONES

SECOND = timedelta(seconds=1)
days = st.dates(date(1990, 1, 1), date(2040, 12, 31))
zones = st.sampled_from(ZONES)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # year, month, day, hour, minute


@pytest.mark.req("TIM-06")
@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        (date(2026, 1, 10), SHANGHAI, utc(2026, 1, 9, 16)),
        (date(2026, 3, 29), BERLIN, utc(2026, 3, 28, 23)),
        (date(2026, 3, 30), BERLIN, utc(2026, 3, 29, 22)),
        (date(2026, 10, 26), BERLIN, utc(2026, 10, 25, 23)),
        (date(2018, 11, 4), SAO_PAULO, utc(2018, 11, 4, 3)),  # midnight does not exist: 01:00 is the first
        (date(2011, 12, 30), APIA, utc(2011, 12, 30, 10)),  # the day does not exist
        (date(2011, 12, 31), APIA, utc(2011, 12, 30, 10)),
        (date(1919, 3, 31), "America/Toronto", utc(1919, 3, 31, 4, 30)),  # 23:30 became 00:30
        (date(2026, 11, 1), "America/Havana", utc(2026, 11, 1, 4)),  # midnight comes twice: the first
    ],
)
def test_a_day_starts_at_its_first_existing_instant(day: date, zone: str, expected: datetime) -> None:
    assert start_of_day(day, zone) == expected


@given(days, zones)
def test_a_day_starts_where_the_day_before_ends(day: date, zone: str) -> None:
    start = start_of_day(day, zone)
    assert local_day(start, zone) >= day
    assert local_day(start - SECOND, zone) < day
    assert start_of_day(day - timedelta(days=1), zone) <= start


@given(days, zones)
def test_only_a_day_that_does_not_exist_is_empty(day: date, zone: str) -> None:
    length = start_of_day(day + timedelta(days=1), zone) - start_of_day(day, zone)
    vanished = {(APIA, date(2011, 12, 30)), ("Pacific/Kwajalein", date(1993, 8, 21))}
    assert (length == timedelta(0)) == ((zone, day) in vanished)


def test_a_moment_without_a_zone_has_no_local_day() -> None:
    with pytest.raises(ValueError, match="zone"):
        local_day(datetime(2026, 1, 1), BERLIN)  # noqa: DTZ001 - the naive moment is what is refused


@pytest.mark.parametrize(
    "name",
    [
        *("Mars/Olympus", "../etc/passwd", "", "Asia"),
        *("localtime", "Factory", "posixrules", "posix/Asia/Shanghai", "right/Asia/Shanghai"),
    ],
)
def test_an_unknown_zone_is_refused_by_name(name: str) -> None:
    with pytest.raises(Refused) as refused:
        load_zone(name)
    assert refused.value.code == "unknown_zone"
    assert refused.value.details["zone"] == name


def test_local_clock_times_follow_the_zone() -> None:
    assert local_moment(date(2026, 1, 10), time(9), SHANGHAI) == utc(2026, 1, 10, 1)
    assert local_moment(date(2026, 7, 1), time(9), BERLIN) == utc(2026, 7, 1, 7)
    assert local_moment(date(2011, 12, 30), time(9), APIA) is None
    assert local_moment(date(2018, 11, 4), time(0, 30), SAO_PAULO) == utc(2018, 11, 4, 3, 30)


@pytest.mark.req("TIM-06")
@pytest.mark.parametrize(
    ("day", "count", "unit", "expected"),
    [
        (date(2026, 1, 31), 1, Unit.months, date(2026, 2, 28)),
        (date(2026, 1, 31), 2, Unit.months, date(2026, 3, 31)),  # counted once: the clip does not stay
        (date(2024, 2, 29), 12, Unit.months, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, Unit.months, date(2028, 2, 29)),
        (date(2026, 11, 30), 3, Unit.months, date(2027, 2, 28)),
        (date(2026, 3, 31), -1, Unit.months, date(2026, 2, 28)),
        (date(2026, 1, 1), 156, Unit.weeks, date(2028, 12, 28)),
        (date(2028, 2, 28), 2, Unit.days, date(2028, 3, 1)),
    ],
)
def test_offsets_are_counted_once_and_month_ends_clip(
    day: date, count: int, unit: Unit, expected: date
) -> None:
    assert add_units(day, count, unit) == expected


@given(days, st.integers(0, 36))
def test_months_keep_the_day_or_the_months_last_day(day: date, count: int) -> None:
    reached = add_units(day, count, Unit.months)
    assert (reached.year * 12 + reached.month) - (day.year * 12 + day.month) == count
    assert reached.day == day.day or (reached.day < day.day and (reached + timedelta(days=1)).day == 1)


@given(
    days,
    zones,
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 40),
    st.integers(0, 96),
    st.none() | st.integers(0, 21).map(time),
)
def test_the_moments_of_a_window_are_in_order(
    target: date, zone: str, before: int, after: int, overdue: int, grace: int, clock: time | None
) -> None:
    window = build_window(
        add_units(target, -before, Unit.days),
        target,
        add_units(target, after, Unit.days),
        zone,
        overdue_after=overdue,
        grace_hours=grace,
        opens_clock=clock,
    )
    order = [window.opens_at, window.due_at, window.overdue_at, window.closes_at, window.grace_until]
    assert order == sorted(order)
    assert window.days == before + after + 1
    assert window.grace_until - window.closes_at == timedelta(hours=grace)
    assert local_day(window.closes_at - SECOND, zone) <= window.closes_on


@pytest.mark.req("TIM-06", "TIM-07")
def test_both_ends_count_as_whole_days() -> None:
    window = build_window(
        date(2026, 2, 14), date(2026, 2, 21), date(2026, 2, 28), SHANGHAI, overdue_after=1, grace_hours=48
    )
    assert window.days == 15
    assert (window.opens_at, window.closes_at) == (utc(2026, 2, 13, 16), utc(2026, 2, 28, 16))
    assert (window.due_at, window.overdue_at) == (utc(2026, 2, 20, 16), utc(2026, 2, 21, 16))
    assert window.grace_until == utc(2026, 3, 2, 16)


def test_an_instant_ends_the_last_day_early_but_never_before_opening() -> None:
    def ended(at: datetime) -> datetime:
        day = date(2026, 1, 10)
        return build_window(day, day, day, SHANGHAI, overdue_after=9, grace_hours=0, ends_at=at).closes_at

    assert ended(utc(2026, 1, 10, 2)) == utc(2026, 1, 10, 2)
    assert ended(utc(2026, 1, 11, 2)) == utc(2026, 1, 10, 16)
    assert ended(utc(2026, 1, 1)) == utc(2026, 1, 9, 16)
