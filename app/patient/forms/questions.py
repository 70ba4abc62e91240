"""Turn an instrument, its words and the answers so far into the questions of a form document."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from app.domain.instruments.definition import Comparison, Condition, Instrument, Item, ItemKind
from app.domain.instruments.reserved_codes import TICK_PREFIX
from app.domain.instruments.responses import NOT_TICKED, clear_unticked, format_answer, urgent_conditions
from app.domain.instruments.text import InstrumentText
from app.patient.forms.pages import Choice, Question, Tick

Answer = int | str | None
_WITH_BOX = ("decimal", "text")
"""Kinds of questions whose answer is typed."""
_WITHOUT_FIELD = ("choice", "scale")
"""Kinds of questions in whose markup nothing names the item but their options."""
_SIGNS = {Comparison.AT_LEAST: "≥", Comparison.AT_MOST: "≤"}


def build_questions(
    instrument: Instrument,
    text: InstrumentText,
    answers: Mapping[str, Answer],
    leave_out: Collection[str] = (),
    marks: Collection[Condition] = (),
    typed: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Question, ...]:
    """Every item in the instrument's order, also those that a condition may leave unasked.

    `leave_out` names items that the plan does not use, `marks` answers that it calls urgent. `typed` is what
    stands in a box and is no possible answer.
    """
    settled = clear_unticked(instrument, answers, leave_out)
    items = [item for item in instrument.items if item.code not in leave_out]
    shown = (item.code for item in items if not _hides(item, settled))
    places = {code: position for position, code in enumerate(shown, start=1)}
    questions = (_question(item, items, text, settled, marks, places) for item in items)
    restored = (
        replace(question, value=typed[question.code]) if _is_typed(question, typed) else question
        for question in questions
    )
    return tuple(_liken(restored))


def _hides(item: Item, answers: Mapping[str, Answer]) -> bool:
    """Whether a reader without script does not see the item: its tick says all, or it is not ticked."""
    return item.tick is not None or (item.box != "" and not is_ticked(item.box, answers))


def _is_typed(question: Question, typed: Mapping[str, str]) -> bool:
    return question.code in typed and question.kind in _WITH_BOX


def is_ticked(code: str, answers: Mapping[str, Answer]) -> bool:
    """Whether this item of a list is ticked, whatever it was answered with."""
    return answers.get(code, NOT_TICKED) != NOT_TICKED


def name_ticks(
    items: Iterable[Item], text: InstrumentText, answers: Mapping[str, Answer]
) -> Mapping[str, str]:
    """The items of a list that are ticked, by their codes, with the words that stand there."""
    return {item.code: text.name_of(item) for item in items if item.listed and is_ticked(item.code, answers)}


def list_recalls(instrument: Instrument, text: InstrumentText, leave_out: Collection[str]) -> tuple[str, ...]:
    """The times that questions of this form ask about, in the instrument's own words."""
    codes = (item.recall for item in instrument.items if item.recall and item.code not in leave_out)
    return tuple(dict.fromkeys(text.recalls[code] for code in codes))


def _question(
    item: Item,
    items: Sequence[Item],
    text: InstrumentText,
    answers: Mapping[str, Answer],
    marks: Collection[Condition],
    places: Mapping[str, int],
) -> Question:
    value = answers.get(item.code)
    if isinstance(value, int) and value < 0:  # a code: nothing is answered
        value = None
    rule = None if item.box else item.condition
    return Question(
        code=item.code,
        number=places.get(item.code, item.number),
        kind=ItemKind.DECIMAL.value if item.typed_number else item.kind.value,
        text=text.items[item.code],
        choices=_ends(item, text) if item.typed_number else _choices(item, text),
        recall=text.recalls[item.recall] if item.recall else "",
        value=format_answer(item, value),
        blank=item.code in answers and answers[item.code] is None,
        skippable=item.skippable,
        ask_if=_rule(rule, items),
        depends_on=_other_answer(rule, items, text, places),
        urgent_if=" ".join(_urgent_rules(item, items, marks)),
        low=item.low,
        high=item.high,
        decimals=item.decimals,
        direction=item.direction.value,
        ticks=_ticks(items, text, answers) if item.lists else (),
        box=TICK_PREFIX + item.box if item.box else "",
        listed=item.listed,
        tick="" if item.tick is None else str(item.tick),
        look=" js-only" if _hides(item, answers) else "",
    )


def _liken(questions: Iterable[Question]) -> Iterator[Question]:
    """The questions of a list, with the first one that is asked in the same way as each."""
    first: dict[Question, str] = {}
    for question in questions:
        shared = question.listed and not question.tick and question.kind in _WITHOUT_FIELD
        like = first.setdefault(_way_of_asking(question), question.code) if shared else question.code
        yield replace(question, like="" if like == question.code else like)


def _way_of_asking(question: Question) -> Question:
    """What two questions share that differ in nothing but their words, their answers and what those do."""
    shared = replace(question, code="", number=0, text="", value="", blank=False)
    return replace(shared, urgent_if="", box="", look="")


def _ticks(items: Iterable[Item], text: InstrumentText, answers: Mapping[str, Answer]) -> tuple[Tick, ...]:
    return tuple(
        Tick(TICK_PREFIX + item.code, text.name_of(item), is_ticked(item.code, answers))
        for item in items
        if item.listed
    )


def _urgent_rules(item: Item, items: Sequence[Item], marks: Collection[Condition]) -> Iterator[str]:
    """When an answer is urgent; in a list so are the ticks that are answers themselves."""
    answering = (
        follower for follower in items if follower is item or (item.lists and follower.tick is not None)
    )
    for question in answering:
        yield from (_rule(condition, items) for condition in urgent_conditions(question, marks))


def _ends(item: Item, text: InstrumentText) -> tuple[Choice, ...]:
    """The numbers that carry words, shown beside a number that is typed."""
    labels = text.labels.get(item.labels, {})
    return tuple(Choice(str(value), label) for value, label in sorted(labels.items()))


def _choices(item: Item, text: InstrumentText) -> tuple[Choice, ...]:
    if item.kind not in (ItemKind.CHOICE, ItemKind.SCALE):
        return ()
    labels = text.labels[item.labels]
    return tuple(Choice(str(value), labels.get(value, "")) for value in range(item.low, item.high + 1))


def _other_answer(
    condition: Condition | None, items: Iterable[Item], text: InstrumentText, places: Mapping[str, int]
) -> tuple[int, str]:
    """The place of the question that a condition is about, and the answer that meets it, in words."""
    if condition is None:
        return 0, ""
    other = _item_of(condition, items)
    position, value = places.get(other.code, other.number), format_answer(other, condition.value)
    if condition.op is Comparison.EQUAL:
        return position, text.labels.get(other.labels, {}).get(condition.value, value)
    return position, f"{_SIGNS[condition.op]} {value}"


def _rule(condition: Condition | None, items: Iterable[Item]) -> str:
    """The item, and the lowest and the highest answer that meet the condition."""
    if condition is None:
        return ""
    item = _item_of(condition, items)
    low = item.low if condition.op is Comparison.AT_MOST else condition.value
    high = item.high if condition.op is Comparison.AT_LEAST else condition.value
    return f"{condition.item},{low},{high}"


def _item_of(condition: Condition, items: Iterable[Item]) -> Item:
    return next(item for item in items if item.code == condition.item)
