"""The schedule and the diary of a participant as pictures, and the visits sorted into now, past and later."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from app.clinic.records.diary_gaps import GapRow, build_gaps
from app.clinic.records.participant_rows import (
    FormCell,
    VisitRow,
    build_form_cell,
    build_visits,
    instrument_name,
    name_symptoms,
)
from app.clinic.request import url_of_participant
from app.domain.desk.next_step import ExpectedForm, NextStep, ParticipantStanding, choose_next_step
from app.domain.instruments.severity import Severity
from app.domain.plans.plan import weekly_codes
from app.domain.plans.status import ANSWERABLE, ExitKind, Status
from app.domain.plans.windows import local_day
from app.domain.records.participants import TeamRequestKind
from app.i18n.formats import name_weekdays
from app.i18n.languages import ENGLISH, find_language
from app.services.clinic.participant_overview import FormState, ParticipantForms, ParticipantOverview
from app.services.core.installation import Installation
from app.web.charts.bar_chart import BarChart, draw_bars
from app.web.charts.heat_grid import HeatEntry, HeatGrid, draw_heat
from app.web.charts.window_timeline import DrawnWindow, WindowTimeline, draw_windows

_WEEK = 7
_A_ROW = 13
"""Weekly entries in a row: a quarter of a year."""
_BARS = 13
"""Weeks whose adherence is drawn: the latest."""
_ENTERED, _MISSED = "s3", "gone"


class DiaryCell(NamedTuple):
    """One diary entry: its form, and what its worst answer is, for those who may see it."""

    cell: FormCell
    severity: Severity | None
    symptom: str


@dataclass(frozen=True, slots=True)
class DiaryHeat:
    """The diary by weeks and weekdays, its weekly entries in rows, and its adherence.

    `counts` are its entries by status; of those that count, `entered` of `expected` were entered.
    """

    counts: tuple[tuple[str, int], ...]
    daily: HeatGrid | None
    weekly: HeatGrid | None
    entered: int
    expected: int
    weeks: BarChart
    tells_severity: bool


@dataclass(frozen=True, slots=True)
class VisitSections:
    """The visits that can be answered or explained now, those that are over, and those to come."""

    now: tuple[VisitRow, ...]
    past: tuple[VisitRow, ...]
    later: tuple[VisitRow, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DrawnForms:
    """What is expected of a participant: the visits as picture and tables, and the diary.

    `forms` are the names of the tables' columns, `events` the dated facts from which visits are counted. Two
    are equal only if they are one, so that what a page shows of it can be kept for it.
    """

    forms: tuple[str, ...]
    visits: VisitSections
    timeline: WindowTimeline | None
    events: tuple[tuple[str, date], ...]
    diary: DiaryHeat | None
    diary_name: str
    gaps: tuple[GapRow, ...]


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """What to do next for a participant, and what is expected of them."""

    step: NextStep
    drawn: DrawnForms


class _PlotWords(NamedTuple):
    """All that forms are drawn by beside how they stand: whose they are, the day, and what things are called.

    `weekly` are the codes of the diary's weekly entries, None in a plan without a diary; `worst` the worst
    answer of each of its entries.
    """

    public_id: str
    today: date
    language: str
    forms: tuple[str, ...]
    events: tuple[tuple[str, date], ...]
    diary_name: str
    weekly: frozenset[str] | None
    worst: tuple[tuple[str, Severity], ...]
    symptoms: tuple[tuple[str, str], ...]

    @property
    def url(self) -> str:
        """The address of the participant's page."""
        return url_of_participant(self.public_id)


def build_schedule(
    installation: Installation, view: ParticipantOverview, language: str, today: date
) -> ScheduleView:
    """The schedule of this participant as it stands today."""
    words = _PlotWords(
        public_id=view.participant.public_id,
        today=today,
        language=language,
        forms=tuple(
            instrument_name(installation, view, instrument, language) for instrument in view.instruments
        ),
        events=tuple(
            (history.kind.get_label(language), history.current.dated_on)
            for history in view.dates
            if history.current
        ),
        diary_name=_name_diary(installation, view, language),
        weekly=weekly_codes(view.plans) if view.plan.diary else None,
        worst=tuple(view.worst.items()),
        symptoms=tuple(name_symptoms(installation, view, language).items()),
    )
    return ScheduleView(find_next_step(view), _draw_forms(view.judged, words))


@lru_cache(maxsize=64)
def _draw_forms(judged: ParticipantForms, words: _PlotWords) -> DrawnForms:
    """The forms as they are drawn; those of whoever is looked at again are drawn already."""
    rows = build_visits(words.url, judged.visits)
    return DrawnForms(
        forms=words.forms,
        visits=sort_visits(rows),
        timeline=draw_schedule(judged, rows, words),
        events=words.events,
        diary=draw_diary(judged, words),
        diary_name=words.diary_name,
        gaps=build_gaps(words.public_id, judged.gaps),
    )


def _name_diary(installation: Installation, view: ParticipantOverview, language: str) -> str:
    return instrument_name(installation, view, view.diary[0].slot.instrument, language) if view.diary else ""


def sort_visits(rows: Sequence[VisitRow]) -> VisitSections:
    """Now is what can be answered or was missed without a reason; the past begins with the newest."""
    sorted_rows: dict[str, list[VisitRow]] = {"now": [], "past": [], "later": []}
    for row in rows:
        sorted_rows[_section(row)].append(row)
    past = sorted(sorted_rows["past"], key=lambda row: row.closes_on or date.min, reverse=True)
    return VisitSections(tuple(sorted_rows["now"]), tuple(past), tuple(sorted_rows["later"]))


def _section(row: VisitRow) -> str:
    cells = [cell for cell in row.cells if cell is not None]
    if any(cell.status in ANSWERABLE or (cell.status == Status.missed and not cell.reason) for cell in cells):
        return "now"
    return "later" if all(cell.status in (Status.planned, Status.waiting) for cell in cells) else "past"


def draw_schedule(
    judged: ParticipantForms, rows: Sequence[VisitRow], words: _PlotWords
) -> WindowTimeline | None:
    """The windows of all visits that have one, with today and the dates from which they are counted."""
    targets = {state.slot.visit: state.slot.target_on for state in judged.visits}
    windows = [
        DrawnWindow(
            row.visit,
            next(cell.status for cell in row.cells if cell is not None),
            row.opens_on,
            targets[row.visit] or row.opens_on,
            max(row.closes_on, row.opens_on),
        )
        for row in rows
        if row.opens_on is not None and row.closes_on is not None
    ]
    return draw_windows(windows, words.today, [(day, name) for name, day in words.events])


def draw_diary(judged: ParticipantForms, words: _PlotWords) -> DiaryHeat | None:
    """The diary so far; None where no day of it has come."""
    shown = [state for state in judged.diary if state.status not in (Status.planned, Status.waiting)]
    dated = [(state.slot.for_day, state) for state in shown if state.slot.for_day is not None]
    if words.weekly is None or not dated:
        return None
    url, worst, symptoms = words.url, dict(words.worst), dict(words.symptoms)
    entries = [(day, state, _diary_cell(url, state, worst, symptoms)) for day, state in dated]
    daily_cells = [(day, cell) for day, state, cell in entries if state.slot.visit not in words.weekly]
    weekly_cells = [cell for _day, state, cell in entries if state.slot.visit in words.weekly]
    counted = [(day, state) for day, state in dated if state.status in (Status.submitted, Status.missed)]
    return DiaryHeat(
        counts=tuple(Counter(state.status.value for _day, state in dated).items()),
        daily=_draw_days(daily_cells, words.language),
        weekly=_draw_weeks(weekly_cells),
        entered=sum(state.status is Status.submitted for _day, state in counted),
        expected=len(counted),
        weeks=draw_bars(_shares(counted)),
        tells_severity=bool(worst),
    )


def _diary_cell(
    url: str, state: FormState, worsts: Mapping[str, Severity], symptoms: Mapping[str, str]
) -> DiaryCell:
    worst = worsts.get(state.slot.public_id)
    symptom = symptoms.get(worst.item, worst.item) if worst else ""
    return DiaryCell(build_form_cell(url, state), worst, symptom)


def _draw_days(cells: Sequence[tuple[date, DiaryCell]], language: str) -> HeatGrid | None:
    """A column for each week, which begins on Monday, and a row for each weekday."""
    if not cells:
        return None
    first = min(day for day, _cell in cells)
    monday = first - timedelta(days=first.weekday())
    entries = [_heat((day - monday).days // _WEEK, day.weekday(), cell) for day, cell in cells]
    columns = [str(count + 1) for count in range(max(entry.column for entry in entries) + 1)]
    return draw_heat(entries, columns, name_weekdays(find_language(language) or ENGLISH))


def _draw_weeks(cells: Sequence[DiaryCell]) -> HeatGrid | None:
    if not cells:
        return None
    entries = [_heat(index % _A_ROW, index // _A_ROW, cell) for index, cell in enumerate(cells)]
    rows = [str(count * _A_ROW + 1) for count in range(max(entry.row for entry in entries) + 1)]
    return draw_heat(entries, [""] * _A_ROW, rows)


def _heat(column: int, row: int, cell: DiaryCell) -> HeatEntry:
    shade, text = _look(cell)
    return HeatEntry(column, row, shade, text, cell.cell.url, cell)


def _look(cell: DiaryCell) -> tuple[str, str]:
    """The shade of a cell and the few signs in it."""
    if cell.severity is not None:
        return f"s{cell.severity.grade}", cell.severity.text
    if cell.cell.status == Status.submitted:
        return _ENTERED, "✓"
    if cell.cell.status == Status.missed:
        return _MISSED, "✕"
    return "s0", "○" if cell.cell.status in ANSWERABLE else "–"


def _shares(counted: Sequence[tuple[date, FormState]]) -> list[tuple[str, int, int]]:
    """A bar for each study week with expected entries: its number, how many were entered, and of how many."""
    if not counted:
        return []
    first = min(day for day, _state in counted)
    weeks: dict[int, list[FormState]] = {}
    for day, state in counted:
        weeks.setdefault((day - first).days // _WEEK, []).append(state)
    return [
        (str(week + 1), sum(state.status is Status.submitted for state in states), len(states))
        for week, states in sorted(weeks.items())[-_BARS:]
    ]


def find_next_step(view: ParticipantOverview) -> NextStep:
    """What is to be done next, by the domain's rule."""
    zone = view.participant.zone
    requested = {
        request.kind: local_day(request.asked_at, zone)
        for request in view.requests
        if request.closed_at is None
    }
    alerted = [local_day(alert.raised_at, zone) for alert in view.alerts if alert.closed_at is None]
    standing = ParticipantStanding(
        exit_kind=ExitKind(view.exit) if view.exit else None,
        consented=bool(view.participant.consent_version),
        signed_in=any(device.revoked_at is None for device in view.devices),
        correction_requested_on=requested.get(TeamRequestKind.correction),
        zone=zone,
        snoozed_until=local_day(view.work.snooze.until, zone) if view.work.snooze else None,
        forms=_list_expected(view.judged),
        unexplained_since=next((gap.first for gap in view.gaps), None),
        alerted_on=min(alerted, default=None),
        call_requested_on=requested.get(TeamRequestKind.call),
    )
    return choose_next_step(standing, view.work.reasons)


@lru_cache(maxsize=64)
def _list_expected(judged: ParticipantForms) -> tuple[ExpectedForm, ...]:
    """The forms as the rule of the next step needs them."""
    return tuple(
        ExpectedForm(
            key=state.slot.public_id,
            visit=state.slot.visit,
            status=state.status,
            opens_on=state.slot.opens_on,
            closes_on=state.slot.closes_on,
            for_day=state.slot.for_day,
        )
        for state in (*judged.visits, *judged.diary)
    )
