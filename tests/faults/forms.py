"""The forms that the phones fill in: what they ask, how a hand answers, and how an answer reads on a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.instruments.responses import AnswerValue

MARK = "brickwork"
"""Stands in every text that is typed, and nowhere else."""
BLANK = "Left blank"
AMOUNTS = {1: "Not at all", 2: "A little", 3: "Quite a bit", 4: "Very much"}

_SCORES = (0, 2, 3, 10)
_DEGREES = ("36.5", "37,2", "38", "40.9")


class Kind(StrEnum):
    """How an item is answered; the name of its labels in the definition."""

    amount = "amount"
    severity = "severity"
    celsius = "celsius"
    words = "words"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, known on the screen by its words, whatever the page calls it."""

    code: str
    kind: Kind = Kind.amount
    condition: str = ""

    @property
    def words(self) -> str:
        return f"How much: {self.code}?"

    def read(self, shown: AnswerValue) -> AnswerValue:
        """What a page shows of an answer, as it is stored."""
        if not isinstance(shown, str) or self.kind is Kind.words:
            return None if shown == BLANK else shown
        if shown == BLANK:
            return None
        if self.kind is Kind.celsius:
            return round(float(shown.replace(",", ".")) * 10)
        if self.kind is Kind.severity:
            return int(shown.split(":")[0].split(" ")[0])
        return {words: value for value, words in AMOUNTS.items()}[shown]


@dataclass(frozen=True, slots=True)
class Stroke:
    """What a hand does to answer: which option it taps or what it types, and what is to be stored."""

    value: AnswerValue
    option: int = 0
    typed: str = ""


def stroke(item: Asked, drawn: int, writer: str) -> Stroke:
    """The answer to this item for a drawn number from 1 to 4; `writer` makes its words its own."""
    if item.kind is Kind.words:
        text = f"{MARK} {writer}, é 痛 😀"
        return Stroke(text, typed=text)
    if item.kind is Kind.celsius:
        text = _DEGREES[drawn - 1]
        return Stroke(item.read(text), typed=text)
    if item.kind is Kind.severity:
        return Stroke(_SCORES[drawn - 1], option=_SCORES[drawn - 1])
    return Stroke(drawn, option=drawn - 1)


Form = Mapping[str, Asked]


def _form(*items: Asked) -> Form:
    return {item.code: item for item in items}


FORMS: Mapping[str, Form] = {
    "short": _form(
        *map(Asked, ("walk", "stairs", "sleep", "appetite", "mood", "pain")),
        Asked("painkiller", condition="pain"),
    ),
    "diary": _form(
        Asked("walk"),
        Asked("other", Kind.words),
        Asked("temperature", Kind.celsius),
        Asked("pain", Kind.severity),
        Asked("painkiller", condition="pain"),
        Asked("mood"),
    ),
}
"""A condition is met by 3 or more."""
