"""The order and the range in which the dates of one participant can be true, as the plan states them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.domain.plans.plan import ENROLMENT, Plan
from app.domain.plans.schedule import AnchorDate
from app.domain.refusal import Refused


@dataclass(frozen=True, slots=True)
class DateContradiction:
    """Two dates of which the second is earlier than the first, though the plan has it come later."""

    earlier: AnchorDate
    later: AnchorDate


def find_contradictions(plan: Plan, anchors: Mapping[str, AnchorDate]) -> tuple[DateContradiction, ...]:
    """Every pair of these dates that stands against the plan's order."""
    return tuple(
        DateContradiction(anchors[before], anchors[kind])
        for kind in plan.anchor_kinds
        for before in kinds_before(plan, kind)
        if kind in anchors and before in anchors and anchors[kind].on < anchors[before].on
    )


def kinds_before(plan: Plan, kind: str) -> tuple[str, ...]:
    """The kinds of date that this one cannot be earlier than, directly or through others."""
    named = {anchor.kind: anchor.after for anchor in plan.anchors}
    found: dict[str, None] = {} if kind == ENROLMENT else {ENROLMENT: None}
    waiting = list(named[kind])
    while waiting:
        before = waiting.pop()
        if before not in found:
            found[before] = None
        waiting.extend(each for each in named[before] if each not in found)
    return tuple(found)


def check_date_range(plan: Plan, kind: str, on: date, today: date) -> None:
    """Refuse a day on which this cannot have been: before or after the study, or ahead of today.

    Raises Refused: "date_in_future", "date_out_of_range" with the first and the last day.
    """
    planned = any(anchor.kind == kind and anchor.planned for anchor in plan.anchors)
    if on > today and not planned:
        raise Refused("date_in_future", date=on, latest=today)
    high = plan.last_date if plan.last_date is not None else date.max if planned else today
    if not plan.first_date <= on <= high:
        raise Refused("date_out_of_range", date=on, low=plan.first_date, high=high)
