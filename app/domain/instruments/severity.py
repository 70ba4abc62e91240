"""How bad a symptom is by its own answer: four grades that are the same for a row of any length."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from app.domain.instruments.definition import Instrument, Item, ItemKind
from app.domain.instruments.responses import AnswerValue, applicable_items

WORST_GRADE = 3
_LEAST_STEPS = 3
_USUAL_HIGH = 10
_UPPER_ENDS = (Fraction(0), Fraction(3, 10), Fraction(6, 10))
"""Up to which part of a row the grades 0, 1 and 2 reach: of 0 to 10 these are 0, 3 and 6."""


@dataclass(frozen=True, slots=True)
class Severity:
    """An answer to a symptom: its number in the item's own row of 0 to `high`."""

    item: str
    value: int
    high: int

    @property
    def share(self) -> Fraction:
        """How far along its row the answer stands."""
        return Fraction(self.value, self.high)

    @property
    def text(self) -> str:
        """The answer as a sign of a calendar: a number alone in a row of 0 to 10, else with the end."""
        return str(self.value) if self.high == _USUAL_HIGH else f"{self.value}/{self.high}"

    @property
    def grade(self) -> int:
        """0 for none, up to `WORST_GRADE`: of 0 to 10 the grades are 0, 1-3, 4-6 and 7-10."""
        return next((grade for grade, end in enumerate(_UPPER_ENDS) if self.share <= end), WORST_GRADE)


def has_severity(item: Item) -> bool:
    """Whether an item asks how bad something is: codes or numbers that begin with 0, for none."""
    return item.kind in (ItemKind.CHOICE, ItemKind.SCALE) and item.low == 0 and item.high >= _LEAST_STEPS


def list_severities(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str] = frozenset()
) -> Mapping[str, Severity]:
    """What a complete form says of each symptom, by item.

    A symptom that the form did not ask after, because of an earlier answer, is none: 0. One that was left
    blank is not there, nor one that stood in a list and was not ticked.
    """
    return {severity.item: severity for severity in _severities(instrument, answers, leave_out)}


def _severities(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str]
) -> Iterator[Severity]:
    applicable = {item.code for item in applicable_items(instrument, answers, leave_out)}
    for item in instrument.items:
        if item.code in leave_out or not has_severity(item):
            continue
        value = answers.get(item.code) if item.code in applicable else 0
        if isinstance(value, int) and value >= 0:
            yield Severity(item.code, value, item.high)


def find_worst(severities: Collection[Severity]) -> Severity | None:
    """The one that is furthest along its row; of equals the first. It is what any face tells of a day."""
    return max(severities, key=lambda severity: severity.share, default=None)
