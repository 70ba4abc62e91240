"""Which time in the study a form is for, as its participant is told: it names neither arm nor illness."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from app.domain.plans.plan import ENROLMENT, Anchoring, Plan, VisitRule
from app.domain.plans.windows import Unit

NUMBER = "{n}"
"""Stands in an occasion's words for the number of a repeated visit."""


@dataclass(frozen=True, slots=True)
class FormOccasion:
    """What tells two forms of one instrument apart: the plan's `words`, a counted `unit`, or a `day`.

    `number` of 0 days is the start of the study.
    """

    words: str = ""
    unit: Unit | None = None
    number: int = 0
    day: date | None = None


def find_occasion(
    plan: Plan, instrument: str, visit: str, language: str, on: date | None, for_day: date | None
) -> FormOccasion:
    """The occasion of a form of this visit, whose target day is `on`; a diary entry's is its own day.

    A visit of which the plan says nothing is called by the units that it is counted in, unless another one of
    the same instrument would read the same; then, and for visits that staff request, it is the day.
    """
    if for_day is None:
        for rule, offset in _points(plan, instrument):
            if rule.code_of(offset) == visit and (occasion := _name(rule, offset, language)) is not None:
                others = (
                    _name(other, count, language)
                    for other, count in _points(plan, instrument)
                    if other.code_of(count) != visit and share_arm(rule, other)
                )
                if occasion not in others:
                    return occasion
    return FormOccasion(day=for_day or on)


def share_arm(one: VisitRule, other: VisitRule) -> bool:
    """Whether a participant can have forms of both rules; rules without arms are everybody's."""
    return not (one.arms and other.arms) or not set(one.arms).isdisjoint(other.arms)


def word_occasion(words: Mapping[str, str], language: str, offset: int) -> str:
    """The plan's own words for a visit at this offset; "" where it has none."""
    return words.get(language, "").replace(NUMBER, str(offset))


def _points(plan: Plan, instrument: str) -> Iterator[tuple[VisitRule, int]]:
    return (
        (rule, offset) for rule in plan.visits if instrument in rule.instruments for offset in rule.offsets
    )


def _name(rule: VisitRule, offset: int, language: str) -> FormOccasion | None:
    """The occasion of a dated visit by itself; None where neither plan nor count tells it."""
    if words := word_occasion(rule.occasion, language, offset):
        return FormOccasion(words=words)
    if offset:
        return None if rule.anchoring is Anchoring.event else FormOccasion(unit=rule.unit, number=offset)
    return FormOccasion(unit=Unit.days) if rule.anchor == ENROLMENT else None
