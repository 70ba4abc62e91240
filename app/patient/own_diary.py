"""My calendar: own diary days as done, open and missed, and how many of the other forms are sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.domain.plans.status import ANSWERABLE, Status
from app.i18n import formats
from app.patient.forms.page_builders import url_of_form
from app.patient.refusals import PatientRoute
from app.patient.request import ParticipantRequest, UnlockedRequest
from app.services.patient.own_diary import OwnDay, get_own_course
from app.web.urls import OWN_DIARY, PATIENT_HOME

_DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One cell: `state` is "sent", "open", "missed", "excused", "later", or "" for a day without an entry.

    `url` leads to what can be filled in; `about` is the day in words, `worst` its worst answer.
    """

    number: int
    state: str = ""
    url: str = ""
    about: str = ""
    worst: str = ""


@dataclass(frozen=True, slots=True)
class CalendarWeek:
    """Monday to Sunday; `month` stands above the week in which it begins."""

    month: str
    days: tuple[CalendarDay, ...]


@dataclass(frozen=True, slots=True)
class CalendarPage:
    """Own days by weeks, newest first, and the forms of visits. `reads`: the plan shows their numbers.

    `keeps_diary`: the study has a diary at all.
    """

    template: ClassVar[str] = "patient/calendar.html"
    home_url: str
    day_names: tuple[str, ...]
    weeks: tuple[CalendarWeek, ...]
    submitted: int
    expected: int
    next_on: str
    keeps_diary: bool = True
    reads: bool = False


router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get(OWN_DIARY)
def show_calendar(current: UnlockedRequest) -> Response:
    course = get_own_course(current.context)
    page = CalendarPage(
        home_url=PATIENT_HOME,
        day_names=formats.name_weekdays(current.language),
        weeks=tuple(_weeks(current, course.days)),
        submitted=course.submitted,
        expected=course.expected,
        next_on=formats.format_opening(course.next_at, current.participant.zone, current.language),
        keeps_diary=current.plan.diary is not None,
        reads=current.plan.shows_answers,
    )
    return current.show(page)


def _weeks(current: ParticipantRequest, days: Iterable[OwnDay]) -> Iterable[CalendarWeek]:
    by_day = {own.day: own for own in days}
    if not by_day:
        return
    first, monday = min(by_day), max(by_day)
    monday -= timedelta(days=monday.weekday())
    while monday + timedelta(days=_DAYS_A_WEEK - 1) >= first:
        dates = [monday + timedelta(days=ahead) for ahead in range(_DAYS_A_WEEK)]
        cells = tuple(_cell(current, day, by_day.get(day)) for day in dates)
        yield CalendarWeek(formats.format_stated(f"{dates[-1]:%Y-%m}", current.language), cells)
        monday -= timedelta(days=_DAYS_A_WEEK)


def _cell(current: ParticipantRequest, day: date, own: OwnDay | None) -> CalendarDay:
    if own is None:
        return CalendarDay(day.day)
    state = "open" if own.status in ANSWERABLE else _STATES.get(own.status, "later")
    return CalendarDay(
        number=day.day,
        state=state,
        url=url_of_form(own.slot) if state == "open" else "",
        about=formats.format_day(day, current.language),
        worst=own.worst.text if own.worst else "",
    )


_STATES = {Status.submitted: "sent", Status.missed: "missed", Status.excused: "excused"}
