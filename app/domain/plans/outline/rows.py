"""The rows of a plan's picture and table: each visit and each phase of the diary with its windows in days."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from app.domain.plans.plan import Plan, ReminderKind, VisitRule
from app.domain.plans.reminders import plan_reminders
from app.domain.plans.schedule import AnchorDate, PlannedSlot, plan_slots
from app.domain.plans.windows import Unit, Window, local_day

_DAY_ZERO = date(2001, 1, 1)
"""From which the windows of a picture are computed: no leap day is near, so that months are as most are."""
_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """One window in days from its anchor, both ends counted, and the days on which a reminder is owed."""

    code: str
    opens: int
    target: int
    closes: int
    reminders: tuple[tuple[int, ReminderKind], ...]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A visit, or a phase of the diary, which has no `rule`. `anchor` is None for a visit that staff request.

    An anchor that ends a window early is not in the spans.
    """

    code: str
    anchor: str | None
    instruments: tuple[str, ...]
    offsets: tuple[int, ...]
    unit: Unit
    spans: tuple[WindowSpan, ...]
    rule: VisitRule | None = None


def list_plan_rows(plan: Plan) -> tuple[PlanRow, ...]:
    """Every visit in the plan's order, then the diary, with the windows that the schedule itself computes."""
    return (*_visit_rows(plan), *_diary_rows(plan))


def _visit_rows(plan: Plan) -> Iterator[PlanRow]:
    for rule in plan.visits:
        alone = replace(plan, visits=(rule,), diary=None)
        anchor = None if rule.on_request else rule.anchor
        spans = _spans(alone, anchor, rule.arms[0] if rule.arms else None)
        yield PlanRow(rule.code, anchor, rule.instruments, rule.offsets, rule.unit, spans, rule)


def _diary_rows(plan: Plan) -> Iterator[PlanRow]:
    diary = plan.diary
    if diary is None:
        return
    for phase in diary.phases:
        alone = replace(plan, visits=(), diary=replace(diary, phases=(phase,)))
        spans = _spans(alone, diary.anchor, None)
        yield PlanRow(phase.code, diary.anchor, (diary.instrument,), phase.offsets, phase.unit, spans)


def _spans(plan: Plan, anchor: str | None, arm: str | None) -> tuple[WindowSpan, ...]:
    """The windows from this anchor alone, one for each visit."""
    if anchor is None:
        return ()
    slots = plan_slots(plan, {anchor: AnchorDate(anchor, _DAY_ZERO)}, arm, _ZONE)
    by_visit = {slot.visit: slot for slot in reversed(slots)}
    dated = ((slot, slot.window) for slot in reversed(by_visit.values()) if slot.window is not None)
    return tuple(_span(plan, slot, window) for slot, window in dated)


def _span(plan: Plan, slot: PlannedSlot, window: Window) -> WindowSpan:
    return WindowSpan(
        slot.visit,
        _days(window.opens_on),
        _days(window.target_on),
        _days(window.closes_on),
        tuple(
            (_days(local_day(reminder.at, _ZONE)), reminder.kind) for reminder in plan_reminders(plan, slot)
        ),
    )


def _days(day: date) -> int:
    return (day - _DAY_ZERO).days
