"""What is typed into the simulator: dates, arm, zone and moment, each with its own refusal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from app.clinic.frame.typed_day import TypedDay, read_typed_day
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
    value: TypedDay
    error: str = ""


@dataclass(frozen=True, slots=True)
class SimulationInput:
    """What the form says: the person where all could be read, and by field what could not.

    `days` are the boxes of each date. `refused` is the first refusal, and `errors` are the words of each.
    """

    values: Mapping[str, str]
    days: Mapping[str, TypedDay]
    person: DatedPerson | None
    now: datetime | None
    errors: Mapping[str, str]
    refused: Refused | None

    @property
    def whole(self) -> tuple[DatedPerson, datetime] | None:
        """Person and moment, where nothing is wrong."""
        return (self.person, self.now) if self.person and self.now and self.refused is None else None


def read_typed_dates(request: StaffRequest, plan: Plan, zones: tuple[str, ...]) -> SimulationInput:
    """Read the address, or begin with somebody who is enrolled today; what is wrong is named by field."""
    values, days = _typed(request, plan, zones)
    refusals: dict[str, Refused] = {}
    dates, zone, arm, now = {}, zones[0], None, None
    for kind in plan.anchor_kinds:
        name = ON + kind
        if days[name] or kind == ENROLMENT:
            try:
                dates[kind] = AnchorDate(kind, _read_date(request, plan, kind, days[name]))
            except Refused as refused:
                refusals[name] = refused
    try:
        zone, arm = _read_choice("zone", values["zone"], zones), _read_arm(plan, values["arm"])
    except Refused as refused:
        refusals[str(refused.details["field"])] = refused
    try:
        now = _read_moment(request, days["now"], values["clock"], zone)
    except Refused as refused:
        refusals[str(refused.details["place"])] = refused
    person = DatedPerson(dates, arm, zone) if ENROLMENT in dates else None
    errors = {name: request.translate_refusal(refused) for name, refused in refusals.items()}
    return SimulationInput(values, days, person, now, errors, next(iter(refusals.values()), None))


def read_earlier_person(request: StaffRequest, plan: Plan) -> DatedPerson | None:
    """The person of the page before, whom the form carries along; None where there is none of this plan."""
    query = request.http.query_params
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


def hidden_person_fields(person: DatedPerson, plan: Plan) -> dict[str, str]:
    """The hidden fields by which the next page knows what this one showed."""
    dates = {WAS + kind: dated.on.isoformat() for kind, dated in person.dates.items()}
    return {f"{WAS}version": plan.version, f"{WAS}zone": person.zone, f"{WAS}arm": person.arm or "", **dates}


def date_fields(read: SimulationInput, plan: Plan, language: str) -> Iterator[DateField]:
    """The dates of the form in the plan's order."""
    for kind in plan.anchor_kinds:
        name = ON + kind
        yield DateField(name, plan.anchor_label(kind, language), read.days[name], read.errors.get(name, ""))


def _typed(
    request: StaffRequest, plan: Plan, zones: tuple[str, ...]
) -> tuple[dict[str, str], dict[str, TypedDay]]:
    """What stands in each field and in the boxes of each date, cut to a length that no right entry has."""
    query = {name: value[:_LONGEST] for name, value in request.http.query_params.items()}
    typed = {name: narrow_text(query.get(name, "")) for name in ("clock", "zone", "arm")}
    typed["zone"], typed["clock"] = typed["zone"] or zones[0], typed["clock"] or _NOON
    days = {name: read_typed_day(query, name) for name in ("now", *(ON + kind for kind in plan.anchor_kinds))}
    if not any(name.startswith((ON, "now")) or name in typed for name in query):
        days[ON + ENROLMENT] = TypedDay.from_date(local_day(request.at, zones[0]))
    zone = typed["zone"] if typed["zone"] in zones else zones[0]
    days["now"] = days["now"] or TypedDay.from_date(local_day(request.at, zone))
    return typed, days


def _read_date(request: StaffRequest, plan: Plan, kind: str, typed: TypedDay) -> date:
    label = plan.anchor_label(kind, request.frame.code)
    if not typed:
        raise Refused("date_needed", field=label)
    day = typed.parse(label)
    check_date_range(plan, kind, day, day)
    return day


def _read_choice(name: str, typed: str, choices: tuple[str, ...]) -> str:
    if typed not in choices:
        raise Refused("unknown_choice", field=name, allowed=choices)
    return typed


def _read_arm(plan: Plan, typed: str) -> str | None:
    arms = tuple(arm.code for arm in plan.arms)
    return _read_choice("arm", typed, arms) if typed else None


def _read_moment(request: StaffRequest, typed: TypedDay, hour: str, zone: str) -> datetime:
    """The moment of "now" where the person lives. A refusal names in `place` which field is wrong."""
    label = request.translate(_NOW_LABEL)
    try:
        day = typed.parse(label)
    except Refused as refused:
        raise Refused(refused.code, **{**refused.details, "place": "now"}) from refused
    try:
        clock = time.fromisoformat(f"{hour:0>5}")
        if clock.tzinfo is not None:
            raise ValueError(hour)
    except ValueError as bad:
        label = request.translate(_CLOCK_LABEL)
        raise Refused("bad_field", field=label, allowed="HH:MM", place="clock") from bad
    return local_moment(day, clock, zone) or datetime.combine(day, clock, UTC)
