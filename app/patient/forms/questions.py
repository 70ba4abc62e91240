"""Turn an instrument, its words and the answers so far into the questions of a form document."""

from collections.abc import Collection, Mapping

from app.domain.instruments.definition import Condition, Instrument, Item, ItemKind
from app.domain.instruments.responses import format_answer, urgent_conditions
from app.domain.instruments.text import InstrumentText
from app.patient.forms.pages import Choice, Question

Answer = int | str | None


def build_questions(
    instrument: Instrument,
    text: InstrumentText,
    answers: Mapping[str, Answer],
    leave_out: Collection[str] = (),
    marks: Collection[Condition] = (),
) -> tuple[Question, ...]:
    """Every item in the instrument's order, also those that a condition may leave unasked.

    `leave_out` names items that the plan does not use, `marks` answers that it calls urgent.
    """
    return tuple(
        _question(item, text, answers, marks) for item in instrument.items if item.code not in leave_out
    )


def list_recalls(instrument: Instrument, text: InstrumentText, leave_out: Collection[str]) -> tuple[str, ...]:
    """The times that questions of this form ask about, in the instrument's own words."""
    codes = (item.recall for item in instrument.items if item.recall and item.code not in leave_out)
    return tuple(dict.fromkeys(text.recalls[code] for code in codes))


def _question(
    item: Item, text: InstrumentText, answers: Mapping[str, Answer], marks: Collection[Condition]
) -> Question:
    value = answers.get(item.code)
    return Question(
        code=item.code,
        number=item.number,
        kind=ItemKind.DECIMAL.value if item.typed_number else item.kind.value,
        text=text.items[item.code],
        choices=_ends(item, text) if item.typed_number else _choices(item, text),
        recall=text.recalls[item.recall] if item.recall else "",
        value=format_answer(item, value),
        blank=item.code in answers and value is None,
        skippable=item.skippable,
        ask_if=_rule(item.condition),
        urgent_if=" ".join(_rule(condition) for condition in urgent_conditions(item, marks)),
        low=item.low,
        high=item.high,
        decimals=item.decimals,
        direction=item.direction.value,
    )


def _ends(item: Item, text: InstrumentText) -> tuple[Choice, ...]:
    """The numbers that carry words, shown beside a number that is typed."""
    labels = text.labels.get(item.labels, {})
    return tuple(Choice(str(value), label) for value, label in sorted(labels.items()))


def _choices(item: Item, text: InstrumentText) -> tuple[Choice, ...]:
    if item.kind not in (ItemKind.CHOICE, ItemKind.SCALE):
        return ()
    labels = text.labels[item.labels]
    return tuple(Choice(str(value), labels.get(value, "")) for value in range(item.low, item.high + 1))


def _rule(condition: Condition | None) -> str:
    return f"{condition.item}{condition.op.value}{condition.value}" if condition else ""
