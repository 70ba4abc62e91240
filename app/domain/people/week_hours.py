"""When a site's telephone is answered: hours for each day of the week, written in figures alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from app.domain.refusal import Refused, check_all
from app.domain.typed_text import narrow_text

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(
    r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])\s*[-~\u301c\u81f3\u5230]\s*([01]?[0-9]|2[0-4])[:.]([0-5][0-9])"
)


@dataclass(frozen=True, slots=True)
class DaySpan:
    """Days in a row with the same hours: "mon" to "fri", `08:00-17:00`."""

    first: str
    last: str
    hours: str


def check_week_hours(typed: Mapping[str, str]) -> dict[str, str]:
    """The days on which somebody answers, as `08:00-17:00`; a day without hours is left out.

    Raises Refused: "bad_hours", and "hours_backwards" for hours that end before they begin, each naming the
    field of a day that is wrong, `hours_mon` to `hours_sun`.
    """
    spans = {day: narrow_text(typed.get(day, "")) for day in WEEKDAYS}
    answered = {day: span for day, span in spans.items() if span}
    check_all(*(partial(_check_span, span, f"hours_{day}") for day, span in answered.items()))
    return {day: _check_span(span, f"hours_{day}") for day, span in answered.items()}


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
    begin, _, end = week.get(WEEKDAYS[at.weekday()], "").partition("-")
    return begin <= f"{at:%H:%M}" < end


def next_answered_day(week: Mapping[str, str], at: datetime) -> date | None:
    """The day on which somebody answers next, today until its hours end; None without any hours."""
    for ahead in range(len(WEEKDAYS) + 1):
        day = at.date() + timedelta(days=ahead)
        end = week.get(WEEKDAYS[day.weekday()], "").partition("-")[2]
        if end and (ahead or f"{at:%H:%M}" < end):
            return day
    return None


def _check_span(typed: str, field: str) -> str:
    matched = _SPAN.fullmatch(typed)
    if matched is None:
        raise Refused("bad_hours", field=field)
    begin, end = f"{matched[1]:0>2}:{matched[2]}", f"{matched[3]:0>2}:{matched[4]}"
    if end > "24:00":
        raise Refused("bad_hours", field=field)
    if end <= begin:
        raise Refused("hours_backwards", field=field)
    return f"{begin}-{end}"
