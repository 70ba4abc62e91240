"""Which answers or scores raise an alert: rules of the plan, judged by the form alone, never by the arm."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from app.domain.instruments.definition import Comparison
from app.domain.records.access import Role


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule of the plan: an answer to `item`, or a score of `scale` (the other is ""), raises an alert.

    `value` is in the item's own stored unit, or in points of the score. Those with a role of `tell` at the
    site are told at once and are to acknowledge within `within_hours`; if nobody has after
    `escalate_after_hours`, those with a role of `escalate_to` are told. Counted by the clock, day and night.
    """

    code: str
    instrument: str
    item: str
    scale: str
    op: Comparison
    value: int
    tell: tuple[Role, ...]
    within_hours: int
    escalate_to: tuple[Role, ...]
    escalate_after_hours: int
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)


def find_triggered_rules(
    rules: Iterable[AlertRule],
    instrument: str,
    answers: Mapping[str, Any],
    scores: Iterable[Mapping[str, Any]],
) -> tuple[AlertRule, ...]:
    """The rules that a form raises, in the plan's order.

    `answers` are those of its complete document and `scores` its scores as they are stored. Nothing else is
    known here: neither arm nor site can change what is raised (ALR-04).
    """
    values = {score["scale"]: score["value"] for score in scores}
    return tuple(
        rule
        for rule in rules
        if rule.instrument == instrument
        and _holds(rule, answers.get(rule.item) if rule.item else values.get(rule.scale))
    )


def _holds(rule: AlertRule, value: object) -> bool:
    """Whether an answer or a printed score is one that alerts; a blank, words, no score or tick never is."""
    if value is None or (rule.item and (not isinstance(value, int) or value < 0)):
        return False
    number = Decimal(str(value))
    if rule.op is Comparison.EQUAL:
        return number == rule.value
    return number >= rule.value if rule.op is Comparison.AT_LEAST else number <= rule.value
