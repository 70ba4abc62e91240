"""When a site's telephone is answered: hours for each day of the week, written in figures alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise

from app.domain.refusal import Refused, check_all
from app.domain.typed_text import narrow_text

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_SPANS = 4
"""In so many parts the hours of one day may come: a telephone may rest at noon."""
_SPAN = r"(?:[01]?[0-9]|2[0-3])[:.][0-5][0-9]\s*[-~\u301c\u81f3\u5230]\s*(?:[01]?[0-9]|2[0-4])[:.][0-5][0-9]"
_PARTED = r"(?:\s*(?:[,;/&+\u3001\u548c\u53ca]|and)\s*|\s+)"
_DAY_HOURS = re.compile(f"{_SPAN}(?:{_PARTED}{_SPAN}){{0,{MOST_SPANS - 1}}}")
_CLOCK = re.compile(r"([0-9]+)[:.]([0-9]+)")
_JOINED = ", "


@dataclass(frozen=True, slots=True)
class DaySpan:
    """Days in a row with the same hours: "mon" to "fri", `08:00-11:30, 13:30-17:00`."""

    first: str
    last: str
    hours: str

    @property
    def spans(self) -> tuple[str, ...]:
        """The hours in their parts."""
        return split_hours(self.hours)


def parse_week_hours(typed: Mapping[str, str]) -> dict[str, str]:
    """The days on which somebody answers, as `08:00-17:00` or `08:00-11:30, 13:30-17:00`.

    The earliest part stands first; a day without hours is left out.

    Raises Refused: "bad_hours", "hours_backwards" for hours that end before they begin, and "hours_overlap",
    each naming the field of a day that is wrong, `hours_mon` to `hours_sun`.
    """
    hours = {day: narrow_text(typed.get(day, "")) for day in WEEKDAYS}
    answered = {day: hour for day, hour in hours.items() if hour}
    check_all(*(partial(_check_hours, hour, f"hours_{day}") for day, hour in answered.items()))
    return {day: _check_hours(hour, f"hours_{day}") for day, hour in answered.items()}


def split_hours(hours: str) -> tuple[str, ...]:
    """The hours of a day in their parts, as they are stored."""
    return tuple(hours.split(_JOINED))


def group_days(week: Mapping[str, str]) -> tuple[DaySpan, ...]:
    """The week's hours in as few lines as say them; days without hours stand in none."""
    spans: list[DaySpan] = []
    before = ""
    for day in WEEKDAYS:
        hours = week.get(day, "")
        if hours and hours == before:
            spans[-1] = DaySpan(spans[-1].first, day, hours)
        elif hours:
            spans.append(DaySpan(day, day, hours))
        before = hours
    return tuple(spans)


def is_answered(week: Mapping[str, str], at: datetime) -> bool:
    """Whether somebody answers at this moment of the site's own clock."""
    clock = f"{at:%H:%M}"
    spans = split_hours(week.get(WEEKDAYS[at.weekday()], ""))
    return any(begin <= clock < end for begin, _, end in (span.partition("-") for span in spans))


def next_answered_day(week: Mapping[str, str], at: datetime) -> date | None:
    """The day on which somebody answers next, today until its last hours end; None without any hours."""
    for ahead in range(len(WEEKDAYS) + 1):
        day = at.date() + timedelta(days=ahead)
        end = week.get(WEEKDAYS[day.weekday()], "").rpartition("-")[2]
        if end and (ahead or f"{at:%H:%M}" < end):
            return day
    return None


def _check_hours(typed: str, field: str) -> str:
    """The hours of a day as they are stored. Raises Refused as `parse_week_hours`."""
    if _DAY_HOURS.fullmatch(typed) is None:
        raise Refused("bad_hours", field=field)
    clocks = [f"{hour:0>2}:{minute}" for hour, minute in _CLOCK.findall(typed)]
    spans = sorted(zip(clocks[::2], clocks[1::2], strict=True))
    for begin, end in spans:
        if end > "24:00":
            raise Refused("bad_hours", field=field)
        if end <= begin:
            raise Refused("hours_backwards", field=field, clock=f"{begin}-{end}")
    for one, other in pairwise(spans):
        if other[0] < one[1]:
            raise Refused("hours_overlap", field=field, first="-".join(one), last="-".join(other))
    return _JOINED.join(f"{begin}-{end}" for begin, end in spans)
