"""Gaps of a diary: days in a row of which the entries were missed and nobody has said why (REP-04)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from app.domain.plans.status import Status

LEAST_DAYS = 3
"""Shorter stretches are not listed: nobody is asked why a day or two is missing."""


@dataclass(frozen=True, slots=True)
class DiaryEntry:
    """One entry of a diary: its first day, and for how many days it stands.

    `unexplained`: it was expected and missed, and no reason is on record.
    """

    key: str
    day: date
    days: int
    unexplained: bool

    @property
    def next_day(self) -> date:
        """The day after the last one for which it stands."""
        return self.day + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class DiaryGap:
    """Unexplained entries of days that follow each other, the earliest first; there is at least one."""

    entries: tuple[DiaryEntry, ...]

    @property
    def first(self) -> date:
        """The first day without an entry."""
        return self.entries[0].day

    @property
    def last(self) -> date:
        """The last day without an entry: that of a weekly one is the end of its week."""
        return self.entries[-1].next_day - timedelta(days=1)

    @property
    def days(self) -> int:
        """For how many days the missing entries stand."""
        return sum(entry.days for entry in self.entries)


def is_unexplained(status: Status, reason: str | None, *, out_of_plan: bool) -> bool:
    """Whether staff still have to say why this entry is not there."""
    return status is Status.missed and not reason and not out_of_plan


def find_diary_gaps(entries: Iterable[DiaryEntry]) -> tuple[DiaryGap, ...]:
    """The gaps of `LEAST_DAYS` or more, the earliest first; an entry that needs no reason ends one.

    So does a day that the diary does not have.
    """
    stretches: list[list[DiaryEntry]] = []
    for entry in sorted(entries, key=lambda entry: (entry.day, entry.key)):
        if not entry.unexplained:
            continue
        if stretches and stretches[-1][-1].next_day == entry.day:
            stretches[-1].append(entry)
        else:
            stretches.append([entry])
    gaps = (DiaryGap(tuple(stretch)) for stretch in stretches)
    return tuple(gap for gap in gaps if gap.days >= LEAST_DAYS)
