"""From plan and anchors to slots: every expected form, made ahead, with its window."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from app.domain.plans.plan import Anchoring, DiaryRule, Plan, VisitRule
from app.domain.plans.windows import Unit, Window, add_units, build_window, start_of_day
from app.domain.refusal import Refused

SlotKey = tuple[str, str]
"""Visit code and instrument id: what a slot is unique by within its participant."""


@dataclass(frozen=True, slots=True)
class AnchorDate:
    """The current date of an anchor; `at` is its instant where that is known."""

    kind: str
    on: date
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """One expected form. `window` is None while the anchor is not known; `for_day` is a diary's day.

    `covers_days`: how many days a diary entry stands for, seven in a weekly phase. `plan_version` is that of
    the plan which has it so.
    """

    visit: str
    series: str
    instrument: str
    instrument_version: str
    for_day: date | None
    anchor: str
    window: Window | None
    arm_revealing: bool
    covers_days: int = field(default=1, compare=False)
    plan_version: str = field(default="", compare=False)

    @property
    def key(self) -> SlotKey:
        """Visit code and instrument id."""
        return self.visit, self.instrument


VISIT = "visit:"
"""Prefix of the kind under which a visit's actual date is given among the anchors, as in `visit:W6`."""


def is_diary_series(plan: Plan, series: str) -> bool:
    """Whether the slots of this series are days of the diary."""
    return plan.diary is not None and series == plan.diary.series


def plan_slots(
    plan: Plan, anchors: Mapping[str, AnchorDate], arm: str | None, zone: str
) -> tuple[PlannedSlot, ...]:
    """Every form expected of one participant, in the plan's order; one per key.

    `anchors` holds the current date per kind, and under `visit:<code>` the actual dates from which
    `previous` visits count. Visits of other arms, and of any arm while it is unknown, are absent.
    Raises Refused("unknown_zone").
    """
    expected = (rule for rule in plan.visits if _expected(rule, anchors, arm))
    visits = (slot for rule in expected for slot in _visit_slots(plan, rule, anchors, zone))
    return (*visits, *_diary_slots(plan, anchors, zone))


def _expected(rule: VisitRule, anchors: Mapping[str, AnchorDate], arm: str | None) -> bool:
    of_arm = not rule.arms or arm in rule.arms
    return of_arm and not rule.on_request and (rule.waits or rule.anchor in anchors)


def _visit_slots(
    plan: Plan, rule: VisitRule, anchors: Mapping[str, AnchorDate], zone: str
) -> Iterator[PlannedSlot]:
    for offset in rule.offsets:
        target_on = _target(rule, offset, anchors)
        window = None if target_on is None else _visit_window(plan, rule, target_on, anchors, zone)
        yield from _slots(plan, rule, rule.code_of(offset), window)


def _slots(plan: Plan, rule: VisitRule, code: str, window: Window | None) -> Iterator[PlannedSlot]:
    """One visit's slots, one per instrument."""
    anchor = rule.anchor or code
    revealing = bool(rule.arms) or plan.reveals_arm(anchor)
    for instrument in rule.instruments:
        version = plan.version_of(instrument)
        yield PlannedSlot(
            code,
            rule.series,
            instrument,
            version,
            None,
            anchor,
            window,
            revealing,
            plan_version=plan.version,
        )


def _target(rule: VisitRule, offset: int, anchors: Mapping[str, AnchorDate]) -> date | None:
    """The target day, counted once: from the anchor, or from the last actual visit before it."""
    start, counted = anchors.get(rule.anchor or ""), 0
    if rule.anchoring is Anchoring.previous:
        for earlier in rule.offsets[: rule.offsets.index(offset)]:
            visited = anchors.get(VISIT + rule.code_of(earlier))
            start, counted = (start, counted) if visited is None else (visited, earlier)
    return None if start is None else add_units(start.on, offset - counted, rule.unit)


def _visit_window(
    plan: Plan, rule: VisitRule, target_on: date, anchors: Mapping[str, AnchorDate], zone: str
) -> Window:
    """The window around a target day, ended by the closing anchor where that comes first.

    Where the closing anchor has a date alone, its whole day counts (day 0 still belongs to the window).
    """
    opens_on = add_units(target_on, -rule.before, Unit.days)
    closes_on, ends_at = add_units(target_on, rule.after, Unit.days), None
    closing = anchors.get(rule.closes_with or "")
    if closing is not None:
        closes_on = max(opens_on, min(closes_on, closing.on))
        ends_at = closing.at or start_of_day(add_units(closing.on, 1, Unit.days), zone)
    return build_window(
        opens_on=opens_on,
        target_on=target_on,
        closes_on=closes_on,
        zone=zone,
        overdue_after=rule.overdue_after,
        grace_hours=plan.grace_hours,
        ends_at=ends_at,
    )


def _diary_slots(plan: Plan, anchors: Mapping[str, AnchorDate], zone: str) -> Iterator[PlannedSlot]:
    diary = plan.diary
    if diary is None:
        return
    start, version = anchors.get(diary.anchor), plan.version_of(diary.instrument)
    revealing = plan.reveals_arm(diary.anchor)
    for phase in diary.phases:
        for offset in phase.offsets:
            day = None if start is None else add_units(start.on, offset, phase.unit)
            window = None if day is None else _entry_window(plan, diary, day, zone)
            code = phase.code_of(offset)
            yield PlannedSlot(
                code,
                diary.series,
                diary.instrument,
                version,
                day,
                diary.anchor,
                window,
                revealing,
                _covered_days(phase.unit, day),
                plan.version,
            )


def _covered_days(unit: Unit, day: date | None) -> int:
    """How many days, with its own, an entry of this unit stands for."""
    return 1 if day is None else (add_units(day, 1, unit) - day).days


def _entry_window(plan: Plan, diary: DiaryRule, for_day: date, zone: str) -> Window:
    return build_window(
        opens_on=for_day,
        target_on=for_day,
        closes_on=add_units(for_day, diary.entry_days, Unit.days),
        zone=zone,
        overdue_after=diary.overdue_after,
        grace_hours=plan.grace_hours,
        opens_clock=diary.opens_at,
    )


def needs_late_reason(plan: Plan, slot: PlannedSlot, at: datetime) -> bool:
    """Whether a diary entry made at this instant is late enough to be asked for its reason."""
    if plan.diary is None or slot.for_day is None or slot.window is None:
        return False
    late_from = add_units(slot.for_day, plan.diary.reason_after + 1, Unit.days)
    return at >= start_of_day(late_from, slot.window.zone)


def plan_requested_visit(
    plan: Plan, visit: str, number: int, on_day: date, zone: str, anchors: Mapping[str, AnchorDate]
) -> tuple[PlannedSlot, ...]:
    """The slots of a visit that staff request from a local day on: `UNS-1`, or a repeated `BL-2`.

    A repeated visit ends with the window that it repeats, so ask again when an anchor moves.
    Raises Refused: "unknown_visit", "bad_visit_number", "anchor_unknown", "outside_window".
    """
    rule = get_requestable_rule(plan, visit)
    lowest = 2 if rule.repeatable else 1
    if number < lowest:
        raise Refused("bad_visit_number", visit=visit, number=number, low=lowest)
    if rule.repeatable:
        window = _repeated_window(plan, rule, on_day, anchors, zone)
    else:
        window = _visit_window(plan, rule, on_day, anchors, zone)
    return tuple(_slots(plan, rule, f"{visit}-{number}", window))


def get_requestable_rule(plan: Plan, visit: str) -> VisitRule:
    """The rule of a visit that staff may request. Raises Refused("unknown_visit") naming those there are."""
    rules = {rule.code_of(0): rule for rule in plan.visits if rule.on_request or rule.repeatable}
    if visit not in rules:
        raise Refused("unknown_visit", visit=visit, allowed=tuple(rules))
    return rules[visit]


def _repeated_window(
    plan: Plan, rule: VisitRule, on_day: date, anchors: Mapping[str, AnchorDate], zone: str
) -> Window:
    target_on = _target(rule, rule.offsets[0], anchors)
    if target_on is None:
        raise Refused("anchor_unknown", visit=rule.code, anchor=rule.anchor)
    first = _visit_window(plan, rule, target_on, anchors, zone)
    if not first.opens_on <= on_day <= first.closes_on:
        raise Refused("outside_window", visit=rule.code, low=first.opens_on, high=first.closes_on)
    return build_window(
        opens_on=on_day,
        target_on=on_day,
        closes_on=first.closes_on,
        zone=zone,
        overdue_after=rule.overdue_after,
        grace_hours=plan.grace_hours,
        ends_at=first.closes_at,
    )
