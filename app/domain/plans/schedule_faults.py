"""Invariants that a plan sets for a participant's forms, checked on the forms that are stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import combinations

from app.domain.plans.anchor_order import find_contradictions
from app.domain.plans.plan import Plan
from app.domain.plans.rescheduling import SlotMove, StandingSlot
from app.domain.plans.schedule import AnchorDate


class ScheduleFaultKind(StrEnum):
    """Which invariant of the schedule is violated."""

    empty_day = "empty_day"
    """A diary day that can still be entered has no form."""
    moved_window = "moved_window"
    """The window of a form that nobody began is another by the plan: a zone's rules have changed, perhaps."""
    overlap = "overlap"
    """Two forms of one series are open on one day."""
    contradiction = "contradiction"
    """A date is earlier than one that the plan has come before it."""
    earlier_plan = "earlier_plan"
    """The participant follows an earlier version of the plan than the study: an amendment is not finished."""


@dataclass(frozen=True, slots=True)
class ScheduleFault:
    """One violated invariant of the schedule, and the two things that it is about."""

    kind: ScheduleFaultKind
    one: str
    other: str


def find_schedule_faults(
    plan: Plan,
    anchors: Mapping[str, AnchorDate],
    standing: Sequence[StandingSlot],
    changes: Sequence[SlotMove],
    at: datetime,
) -> Iterator[ScheduleFault]:
    """Every violated invariant; `changes` are what the plan would make of the forms today."""
    for contradiction in find_contradictions(plan, anchors):
        earlier, later = contradiction.earlier.kind, contradiction.later.kind
        yield ScheduleFault(ScheduleFaultKind.contradiction, later, earlier)
    for move in changes:
        if move.planned is None or move.planned.window is None:
            continue
        visit, day, window = move.planned.visit, move.planned.for_day, move.planned.window
        if move.standing is None:
            if day is not None and window.closes_at > at:
                yield ScheduleFault(ScheduleFaultKind.empty_day, visit, day.isoformat())
        elif not move.standing.is_touched and move.standing.planned.window != window:
            yield ScheduleFault(ScheduleFaultKind.moved_window, visit, f"{window.opens_at:%Y-%m-%dT%H:%MZ}")
    yield from _overlaps(standing)


def _overlaps(standing: Sequence[StandingSlot]) -> Iterator[ScheduleFault]:
    """Visits of one series of which both windows hold one day; diary days are for days, not windows."""
    visits = [
        form
        for form in standing
        if not (form.is_diary or form.on_request or form.out_of_plan or form.facts.excused)
    ]
    for one, other in combinations(visits, 2):
        same = (one.planned.series, one.planned.instrument) == (
            other.planned.series,
            other.planned.instrument,
        )
        first, second = one.planned.window, other.planned.window
        if not same or first is None or second is None:
            continue
        if first.opens_at < second.closes_at and second.opens_at < first.closes_at:
            yield ScheduleFault(ScheduleFaultKind.overlap, one.planned.visit, other.planned.visit)
