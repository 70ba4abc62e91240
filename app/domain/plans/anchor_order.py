"""The order and the range in which the dates of one participant can be true, as the plan states them."""

from collections.abc import Collection, Mapping
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
    """The kinds of date that this one cannot be earlier than, directly or through others.

    Enrolment is one of them, unless the plan orders its dates and puts this one after nothing of the study:
    a treatment that somebody brings along began before.
    """
    named = {anchor.kind: anchor.after for anchor in plan.anchors}
    earlier: dict[str, None] = {}
    waiting = list(named[kind])
    while waiting:
        before = waiting.pop()
        if before not in earlier:
            earlier[before] = None
            waiting.extend(named[before])
    if kind != ENROLMENT and _is_of_study(plan, {kind, *earlier}):
        return tuple({ENROLMENT: None, **earlier})
    return tuple(earlier)


def _is_of_study(plan: Plan, kinds: Collection[str]) -> bool:
    """Whether one of these is counted from or closes forms, is enrolment, or the plan orders no dates."""
    if not any(anchor.after for anchor in plan.anchors):
        return True
    used = {ENROLMENT, *(kind for rule in plan.visits for kind in (rule.anchor, rule.closes_with))}
    diary = {plan.diary.anchor} if plan.diary else set()
    return not (used | diary).isdisjoint(kinds)


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
