"""What differs between two versions of a plan, fact by fact."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum

from app.domain.plans.plan import Plan

_NAMED_BY = ("code", "kind", "id")
"""What tells the parts of a plan apart, by which two versions are matched."""
_BESIDE = frozenset({"id", "version", "sha256", "draft"})
"""What names a version and is no rule of it."""

NOTHING: tuple[object, ...] = (None, "", (), frozenset(), {})
"""What a plan holds where it says nothing of a thing."""

PlanFact = object
"""What a plan says of one thing, as the plan holds it."""


class ChangeKind(StrEnum):
    """How a fact of the older version stands in the newer one."""

    added = "added"
    removed = "removed"
    changed = "changed"


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One difference. `part` is the field of the plan, `name` the code of the thing in it that differs.

    `aspect` is what of the thing differs, "" for a thing that is only in one of the versions, or a fact of
    the plan itself.
    """

    part: str
    name: str
    aspect: str
    kind: ChangeKind
    older: PlanFact = None
    newer: PlanFact = None


def compare_plans(older: Plan, newer: Plan) -> tuple[PlanChange, ...]:
    """Every rule that one version has and the other has not, or has otherwise, in the plan's order."""
    names = [field.name for field in fields(Plan) if field.name not in _BESIDE]
    return tuple(
        change for name in names for change in _compare(name, getattr(older, name), getattr(newer, name))
    )


def _compare(part: str, older: PlanFact, newer: PlanFact) -> Iterator[PlanChange]:
    before, after = _things(older), _things(newer)
    if before is None or after is None:
        yield from _compare_facts(part, "", older, newer)
        return
    for name in dict.fromkeys((*before, *after)):
        yield from _compare_facts(part, name, before.get(name), after.get(name))


def _compare_facts(part: str, name: str, older: PlanFact, newer: PlanFact) -> Iterator[PlanChange]:
    """The differences of two facts of one thing; of two things of one kind, those of their fields."""
    if is_dataclass(older) and is_dataclass(newer):
        pairs = [
            (field.name, getattr(older, field.name), getattr(newer, field.name)) for field in fields(older)
        ]
    else:
        pairs = [("", older, newer)]
    for aspect, before, after in pairs:
        if before != after:
            yield PlanChange(part, name, aspect, _kind(before, after), *_narrow(before, after))


def _kind(older: PlanFact, newer: PlanFact) -> ChangeKind:
    if older in NOTHING:
        return ChangeKind.added
    return ChangeKind.removed if newer in NOTHING else ChangeKind.changed


def _narrow(older: PlanFact, newer: PlanFact) -> tuple[PlanFact, PlanFact]:
    """The words in several languages that differ; any other fact as it is."""
    if not (isinstance(older, Mapping) and isinstance(newer, Mapping)):
        return older, newer
    same = {key for key in older if key in newer and older[key] == newer[key]}
    return (
        {key: words for key, words in older.items() if key not in same},
        {key: words for key, words in newer.items() if key not in same},
    )


def _things(fact: PlanFact) -> Mapping[str, PlanFact] | None:
    """The parts of a fact by their codes; None for a fact that has no parts with codes.

    Of visits that repeat, several may be written with one code: each further one is numbered.
    """
    if isinstance(fact, Mapping) and all(isinstance(member, Mapping) for member in fact.values()):
        return fact
    if not (isinstance(fact, tuple) and all(is_dataclass(member) for member in fact)):
        return None
    things: dict[str, PlanFact] = {}
    for member in fact:
        code = next(getattr(member, name) for name in _NAMED_BY if hasattr(member, name))
        number = sum(name == code or name.startswith(f"{code} (") for name in things)
        things[f"{code} ({number + 1})" if number else code] = member
    return things
