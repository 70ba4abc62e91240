"""The gaps of a diary: which unexplained entries are listed, and how they are gathered."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.desk.diary_gaps import (
    LEAST_DAYS,
    DiaryEntry,
    find_diary_gaps,
    is_unexplained,
)
from app.domain.plans.status import Status

FIRST = date(2026, 3, 2)


@st.composite
def diaries(draw: st.DrawFn) -> list[DiaryEntry]:
    """Entries of single days and then of weeks, one after the other but for some, in any order of telling."""
    daily = draw(st.lists(st.booleans(), max_size=14))
    weekly = draw(st.lists(st.booleans(), max_size=5))
    entries = [
        DiaryEntry(f"d{number}", FIRST + timedelta(number), 1, missed) for number, missed in enumerate(daily)
    ]
    start = FIRST + timedelta(len(daily))
    entries += [
        DiaryEntry(f"w{number}", start + timedelta(weeks=number), 7, missed)
        for number, missed in enumerate(weekly)
    ]
    filled = draw(st.lists(st.booleans(), min_size=len(entries), max_size=len(entries)))
    there = [entry for entry, stays in zip(entries, filled, strict=True) if stays or draw(st.booleans())]
    return draw(st.permutations(there))


@pytest.mark.req("REP-04")
@given(diaries())
def test_gaps_are_disjoint_maximal_and_cover_every_long_stretch(entries: list[DiaryEntry]) -> None:
    """The law, judged day by day: a day stands in a gap if and only if its stretch is long enough."""
    gaps = find_diary_gaps(entries)
    missing = {
        entry.day + timedelta(number)
        for entry in entries
        if entry.unexplained
        for number in range(entry.days)
    }

    def stretch(day: date) -> int:
        first = last = day
        while first - timedelta(1) in missing:
            first -= timedelta(1)
        while last + timedelta(1) in missing:
            last += timedelta(1)
        return (last - first).days + 1

    covered = [gap.first + timedelta(number) for gap in gaps for number in range(gap.days)]
    assert covered == sorted({day for day in missing if stretch(day) >= LEAST_DAYS})
    assert all(stretch(gap.first) == gap.days == (gap.last - gap.first).days + 1 for gap in gaps)
    assert all(entry.unexplained for gap in gaps for entry in gap.entries)


def test_a_single_week_is_a_gap_and_two_days_are_none() -> None:
    week = DiaryEntry("w", FIRST, 7, unexplained=True)
    (gap,) = find_diary_gaps([week])
    assert (gap.first, gap.last, gap.days) == (FIRST, FIRST + timedelta(6), 7)
    pair = [DiaryEntry(str(n), FIRST + timedelta(n), 1, unexplained=True) for n in range(2)]
    assert find_diary_gaps(pair) == ()


@pytest.mark.parametrize("status", list(Status))
def test_only_a_missed_entry_of_the_plan_without_a_reason_is_unexplained(status: Status) -> None:
    assert is_unexplained(status, None, out_of_plan=False) is (status is Status.missed)
    assert not is_unexplained(status, "unknown", out_of_plan=False)
    assert not is_unexplained(status, None, out_of_plan=True)
