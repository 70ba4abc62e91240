"""The simulator: what dates make of somebody's windows, states and messages. It reads and stores no data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.frame.typed_day import TypedDay
from app.clinic.request import SignedInRequest, StaffRequest
from app.clinic.study.plan_tabs import PlanTab, list_tabs, name_forms, version_choices
from app.clinic.study.simulation_form import (
    DateField,
    SimulationInput,
    date_fields,
    hidden_person_fields,
    read_earlier_person,
    read_typed_dates,
)
from app.domain.plans.anchor_order import find_contradictions
from app.domain.plans.outline.simulation import SimulatedForm, Simulation, simulate_person
from app.domain.plans.plan import Plan
from app.domain.plans.rescheduling import WindowMove
from app.domain.plans.windows import Window
from app.domain.typed_text import narrow_text
from app.services.clinic.study.plan_reading import ReadablePlans, read_plans
from app.web.urls import SIMULATION

_SOON = 8
"""Messages to come that are listed by themselves."""


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A reminder, by whom it is about and when; `over`: it has been sent by "now"."""

    visit: str
    form: str
    kind: str
    at: datetime
    over: bool


@dataclass(frozen=True, slots=True)
class FormLine:
    """One expected form: its window in local days, None while it waits for a date, and its state."""

    visit: str
    form: str
    opens_on: date | None
    target_on: date | None
    closes_on: date | None
    status: str
    messages: tuple[MessageLine, ...]


@dataclass(frozen=True, slots=True)
class MoveLine:
    """How a window changes; diary days that share their fate stand in one line, with their number."""

    visit: str
    form: str
    days: int
    older: tuple[date, date] | None
    newer: tuple[date, date] | None
    missed: bool


@dataclass(frozen=True, slots=True)
class SimulatedView:
    """What the simulator shows: forms, messages, what moved, and which dates stand against the order."""

    now: datetime
    zone: str
    visits: tuple[FormLine, ...]
    diary: tuple[FormLine, ...]
    states: tuple[tuple[str, int], ...]
    soon: tuple[MessageLine, ...]
    moves: tuple[MoveLine, ...]
    compared: bool
    contradictions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SimulationPage:
    """The form with what was typed, and what it leads to where nothing is wrong."""

    template: ClassVar[str] = "clinic/study/simulator.html"
    tabs: tuple[PlanTab, ...]
    choices: tuple[tuple[str, str], ...]
    version: str
    dates: tuple[DateField, ...]
    values: Mapping[str, str]
    now: TypedDay
    errors: Mapping[str, str]
    arms: tuple[tuple[str, str], ...]
    zones: tuple[str, ...]
    carried: Mapping[str, str]
    view: SimulatedView | None
    hides_arms: bool


router = APIRouter(include_in_schema=False)


@router.get(SIMULATION)
def simulate_dates(request: SignedInRequest, version: Annotated[str, Query(max_length=40)] = "") -> Response:
    plans = read_plans(request.context, request.study_code)
    plan = plans.get_version(narrow_text(version))
    read = read_typed_dates(request, plan, plans.zones)
    page = SimulationPage(
        tabs=list_tabs(request, plan.version),
        choices=version_choices(plans, request),
        version=plan.version,
        dates=tuple(date_fields(read, plan, request.frame.code)),
        values=read.values,
        now=read.days["now"],
        errors=read.errors,
        arms=tuple((arm.code, arm.name) for arm in plan.arms),
        zones=plans.zones,
        carried=hidden_person_fields(read.whole[0], plan) if read.whole else _carried_before(request),
        view=_simulate(request, plans, plan, read),
        hides_arms=plans.hides_arms,
    )
    return request.show(page, read.refused)


def _carried_before(request: StaffRequest) -> dict[str, str]:
    """What the address carried along, for a form that is shown again because something in it is wrong."""
    return {name: value[:40] for name, value in request.http.query_params.items() if name.startswith("was_")}


def _simulate(
    request: StaffRequest, plans: ReadablePlans, plan: Plan, read: SimulationInput
) -> SimulatedView | None:
    if read.whole is None:
        return None
    person, now = read.whole
    before = read_earlier_person(request, plan)
    simulation = simulate_person(plan, person, now, before)
    names, language = name_forms(request, plans, plan), request.frame.code
    lines = [(form.is_diary, _form_line(form, names, now)) for form in simulation.forms]
    diary = tuple(line for is_diary, line in lines if is_diary)
    messages = sorted(
        (message for _diary, line in lines for message in line.messages), key=lambda message: message.at
    )
    counted = [line.status for line in diary]
    return SimulatedView(
        now=now,
        zone=person.zone,
        visits=tuple(line for is_diary, line in lines if not is_diary),
        diary=diary,
        states=tuple((state, counted.count(state)) for state in dict.fromkeys(counted)),
        soon=tuple(message for message in messages if not message.over)[:_SOON],
        moves=tuple(_move_lines(plan, simulation, names)),
        compared=before is not None and before != person,
        contradictions=tuple(
            (
                plan.anchor_label(contradiction.later.kind, language),
                plan.anchor_label(contradiction.earlier.kind, language),
            )
            for contradiction in find_contradictions(plan, person.dates)
        ),
    )


def _form_line(form: SimulatedForm, names: Mapping[str, str], now: datetime) -> FormLine:
    slot, window = form.planned, form.planned.window
    name = names[slot.instrument]
    return FormLine(
        visit=slot.visit,
        form=name,
        opens_on=window.opens_on if window else None,
        target_on=window.target_on if window else None,
        closes_on=window.closes_on if window else None,
        status=form.status.value,
        messages=tuple(
            MessageLine(slot.visit, name, message.kind, message.at, message.at <= now)
            for message in form.messages
        ),
    )


def _move_lines(plan: Plan, simulation: Simulation, names: Mapping[str, str]) -> Iterator[MoveLine]:
    """The moves of visits one by one, those of the diary by what becomes of the days."""
    phases = plan.diary.phases if plan.diary else ()
    codes = {phase.code_of(offset) for phase in phases for offset in phase.offsets}
    days = []
    for move in simulation.moves:
        if move.key[0] in codes:
            days.append(move)
        else:
            yield _move_line((move,), move.key[0], names)
    days.sort(key=_fate)
    for _same_fate, group in groupby(days, key=_fate):
        moves = tuple(group)
        yield _move_line(moves, moves[0].key[0] if len(moves) == 1 else "", names)


def _fate(move: WindowMove) -> tuple[bool, bool, bool]:
    """Whether a window was there, is there, and would be missed."""
    return move.old is not None, move.new is not None, move.would_be_missed


def _move_line(moves: Sequence[WindowMove], visit: str, names: Mapping[str, str]) -> MoveLine:
    return MoveLine(
        visit=visit,
        form=names[moves[0].key[1]],
        days=len(moves),
        older=_span([move.old for move in moves]),
        newer=_span([move.new for move in moves]),
        missed=moves[0].would_be_missed,
    )


def _span(windows: Sequence[Window | None]) -> tuple[date, date] | None:
    known = [window for window in windows if window is not None]
    if not known:
        return None
    return min(window.opens_on for window in known), max(window.closes_on for window in known)
