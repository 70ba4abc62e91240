"""The forms that the phones fill in: what they ask, how a hand answers, and how an answer reads on a page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.instruments.responses import NOT_TICKED, AnswerValue

MARK = "brickwork"
"""Stands in every text that is typed, and nowhere else."""
BLANK = "Left blank"
AMOUNTS = {1: "Not at all", 2: "A little", 3: "Quite a bit", 4: "Very much"}
NONE = "None of these"
BETWEEN = " · "
"""Stands between the ticks of a list where they are read again."""

_SCORES = (0, 2, 3, 10)
_DEGREES = ("36.5", "37,2", "38", "40.9")


class Kind(StrEnum):
    """How an item is answered; the name of its labels in the definition."""

    amount = "amount"
    severity = "severity"
    celsius = "celsius"
    words = "words"
    list = "list"
    """What was there is ticked; asked how much is only what is ticked."""
    tick = "tick"
    """In the list, and asked nothing more."""


@dataclass(frozen=True, slots=True)
class FormItem:
    """One question, known on the screen by its words, whatever the page calls it."""

    code: str
    kind: Kind = Kind.amount
    condition: str = ""
    listed: bool = False

    @property
    def name(self) -> str:
        """What stands beside its box in a list."""
        return f"Some {self.code}"

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


def stroke(item: FormItem, drawn: int, writer: str) -> Stroke:
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


Form = Mapping[str, FormItem]


def read_review(form: Form, rows: Iterable[tuple[FormItem, str]]) -> dict[str, AnswerValue]:
    """What a review shows, as it is stored; of a list everything that is not ticked stands there too."""
    labels = {item.code: label for item, label in rows}
    answers = {
        code: form[code].read(label) for code, label in labels.items() if form[code].kind is not Kind.list
    }
    for code, item in form.items():
        if item.kind is Kind.list and code in labels:
            answers[code] = int(labels[code] != NONE)
            ticked = labels[code].split(BETWEEN)
            bare = [each for each in form.values() if each.listed and each.code not in answers]
            answers |= {
                each.code: 1 if each.name in ticked and each.kind is Kind.tick else NOT_TICKED
                for each in bare
            }
    return answers


def is_excluded(form: Form, item: FormItem, answers: Mapping[str, AnswerValue]) -> bool:
    """Whether by the ticks of a list nothing is asked here, though an answer is kept.

    One phone takes a tick away while another answers what hangs on it; the page asks what is ticked.
    """
    lists = [each.code for each in form.values() if each.kind is Kind.list]
    if not lists:
        return False
    if item.condition:
        return answers.get(item.condition) != 1
    return item.listed and any(answers.get(code) == 0 for code in lists)


def _form(*items: FormItem) -> Form:
    return {item.code: item for item in items}


FORMS: Mapping[str, Form] = {
    "short": _form(
        *map(FormItem, ("walk", "stairs", "sleep", "appetite", "mood", "pain")),
        FormItem("painkiller", condition="pain"),
    ),
    "diary": _form(
        FormItem("walk"),
        FormItem("other", Kind.words),
        FormItem("temperature", Kind.celsius),
        FormItem("pain", Kind.severity),
        FormItem("painkiller", condition="pain"),
        FormItem("mood"),
    ),
    "list": _form(
        FormItem("symptoms", Kind.list),
        FormItem("pain", Kind.severity, listed=True),
        FormItem("cough", listed=True),
        FormItem("fever", Kind.tick, listed=True),
        FormItem("temperature", Kind.celsius, condition="fever"),
        FormItem("other", Kind.words, listed=True),
    ),
}
"""A condition is met by 3 or more, in the last one by a tick."""
