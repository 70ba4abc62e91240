"""What is typed into the simulator: dates, arm, zone and moment, each with its own refusal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from app.clinic.request import StaffRequest
from app.domain.plans.anchor_order import check_date_range
from app.domain.plans.outline.simulation import DatedPerson
from app.domain.plans.plan import ENROLMENT, Plan
from app.domain.plans.schedule import AnchorDate
from app.domain.plans.windows import load_zone, local_day, local_moment
from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text, parse_day
from app.i18n.marking import N_

ON, WAS = "on_", "was_"
"""What the fields of dates begin with, as they are typed and as they were shown before."""
_LONGEST = 40
_NOON = "12:00"
_NOW_LABEL, _CLOCK_LABEL = N_("“Now”: day"), N_("“Now”: time")


@dataclass(frozen=True, slots=True)
class DateField:
    """One date of the form, with what was typed and what is wrong with it."""

    name: str
    label: str
    value: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class SimulationInput:
    """What the form says: the person where all could be read, and by field what could not.

    `refused` is the first of the refusals, of which `errors` are the words.
    """

    values: Mapping[str, str]
    person: DatedPerson | None
    now: datetime | None
    errors: Mapping[str, str]
    refused: Refused | None

    @property
    def whole(self) -> tuple[DatedPerson, datetime] | None:
        """Person and moment, where nothing is wrong."""
        return (self.person, self.now) if self.person and self.now and self.refused is None else None


def read_typed_dates(desk: StaffRequest, plan: Plan, zones: tuple[str, ...]) -> SimulationInput:
    """Read the address, or begin with somebody who is enrolled today; what is wrong is named by field."""
    values = _typed(desk, plan, zones)
    refusals: dict[str, Refused] = {}
    dates, zone, arm, now = {}, zones[0], None, None
    for kind in plan.anchor_kinds:
        name = ON + kind
        if values[name] or kind == ENROLMENT:
            try:
                dates[kind] = AnchorDate(kind, _read_date(desk, plan, kind, values[name]))
            except Refused as refused:
                refusals[name] = refused
    try:
        zone, arm = _read_choice("zone", values["zone"], zones), _read_arm(plan, values["arm"])
    except Refused as refused:
        refusals[str(refused.details["field"])] = refused
    try:
        now = _read_moment(desk, values, zone)
    except Refused as refused:
        refusals[str(refused.details["place"])] = refused
    person = DatedPerson(dates, arm, zone) if ENROLMENT in dates else None
    errors = {name: desk.words(refused) for name, refused in refusals.items()}
    return SimulationInput(values, person, now, errors, next(iter(refusals.values()), None))


def read_earlier_person(desk: StaffRequest, plan: Plan) -> DatedPerson | None:
    """The person of the page before, whom the form carries along; None where there is none of this plan."""
    query = desk.request.query_params
    if query.get(f"{WAS}version") != plan.version:
        return None
    dates = {}
    try:
        for kind in plan.anchor_kinds:
            if typed := query.get(WAS + kind, ""):
                dates[kind] = AnchorDate(kind, parse_day(typed, kind))
        arm, zone = _read_arm(plan, query.get(f"{WAS}arm", "")), query.get(f"{WAS}zone", "")
        load_zone(zone)
    except Refused:
        return None
    return DatedPerson(dates, arm, zone) if ENROLMENT in dates else None


def carry_person(person: DatedPerson, plan: Plan) -> dict[str, str]:
    """The hidden fields by which the next page knows what this one showed."""
    dates = {WAS + kind: each.on.isoformat() for kind, each in person.dates.items()}
    return {f"{WAS}version": plan.version, f"{WAS}zone": person.zone, f"{WAS}arm": person.arm or "", **dates}


def date_fields(read: SimulationInput, plan: Plan, language: str) -> Iterator[DateField]:
    """The dates of the form in the plan's order."""
    for kind in plan.anchor_kinds:
        name = ON + kind
        yield DateField(name, plan.anchor_label(kind, language), read.values[name], read.errors.get(name, ""))


def _typed(desk: StaffRequest, plan: Plan, zones: tuple[str, ...]) -> dict[str, str]:
    """What stands in each field, cut to a length that no right entry has."""
    query = desk.request.query_params
    names = ("now", "clock", "zone", "arm", *(ON + kind for kind in plan.anchor_kinds))
    typed = {name: narrow_text(query.get(name, ""))[:_LONGEST] for name in names}
    typed["zone"], typed["clock"] = typed["zone"] or zones[0], typed["clock"] or _NOON
    if not any(name in query for name in names):
        typed[ON + ENROLMENT] = local_day(desk.at, zones[0]).isoformat()
    zone = typed["zone"] if typed["zone"] in zones else zones[0]
    typed["now"] = typed["now"] or local_day(desk.at, zone).isoformat()
    return typed


def _read_date(desk: StaffRequest, plan: Plan, kind: str, typed: str) -> date:
    label = plan.anchor_label(kind, desk.frame.code)
    if not typed:
        raise Refused("date_needed", field=label)
    day = parse_day(typed, label)
    check_date_range(plan, kind, day, day)
    return day


def _read_choice(name: str, typed: str, choices: tuple[str, ...]) -> str:
    if typed not in choices:
        raise Refused("unknown_choice", field=name, allowed=choices)
    return typed


def _read_arm(plan: Plan, typed: str) -> str | None:
    arms = tuple(arm.code for arm in plan.arms)
    return _read_choice("arm", typed, arms) if typed else None


def _read_moment(desk: StaffRequest, values: Mapping[str, str], zone: str) -> datetime:
    """The moment of "now" where the person lives. A refusal names in `place` which field is wrong."""
    label = desk.word(_NOW_LABEL)
    try:
        day = parse_day(values["now"], label)
    except Refused as refused:
        raise Refused(refused.code, **{**refused.details, "place": "now"}) from refused
    try:
        clock = time.fromisoformat(f"{values['clock']:0>5}")
        if clock.tzinfo is not None:
            raise ValueError(values["clock"])
    except ValueError as bad:
        label = desk.word(_CLOCK_LABEL)
        raise Refused("bad_field", field=label, allowed="HH:MM", place="clock") from bad
    return local_moment(day, clock, zone) or datetime.combine(day, clock, UTC)
