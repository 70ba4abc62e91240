"""What an item may be answered with, and which items a form asks given its answers."""

import re
from collections.abc import Collection, Mapping
from typing import TypeAlias

from app.domain.instruments.definition import Comparison, Condition, Instrument, Item
from app.domain.refusal import Refused
from app.domain.typed_text import is_writable, narrow_number, trim_text

AnswerValue: TypeAlias = int | str | None
"""An answer as stored: a code or count of the item's steps, words, or None for "left blank"."""


class ValidAnswers(dict[str, AnswerValue]):
    """Answers each of which its item may have: what is parsed or checked once is not checked again."""


NOT_TICKED = -1
"""The code of an item of a list that was shown and not ticked: it has no value, and was not skipped."""

OPEN = -2
"""The code of a draft's item that was ticked, or is asked anew, and awaits its answer; never sent."""

NUMBER = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,9}))?")


def validate_answer(item: Item, value: object) -> AnswerValue:
    """The value, when the item may be answered so; None is an explicit skip.

    An item of a list may also be `NOT_TICKED`, and while the form is a draft `OPEN`.

    Raises Refused: "must_answer" (a skip where none is allowed), "wrong_kind",
    "out_of_range" with low and high. The answer itself is never in the refusal.
    """
    if value is None:
        if not item.skippable:
            raise Refused("must_answer", item=item.code)
        return None
    if item.free_text and not (type(value) is int and _has_code(item, value)):
        return _words(item, value)
    if type(value) is not int:  # a bool is an int, but no answer
        raise Refused("wrong_kind", item=item.code, allowed="whole number")
    if value < 0 and _has_code(item, value):
        return value
    if item.tick not in (None, value):
        raise Refused("out_of_range", item=item.code, low=item.tick, high=item.tick)
    if not item.low <= value <= item.high:
        raise Refused("out_of_range", item=item.code, low=item.low, high=item.high)
    return value


def read_digit(item: Item, text: str) -> int | None:
    """What one digit answers, as nearly every answer of a questionnaire is given; None for other texts.

    It needs no further check: the item has only those digits that `validate_answer` lets pass.
    """
    return item.by_digit.get(text)


def parse_answer(item: Item, text: str) -> AnswerValue:
    """The stored value of what was typed or stands in a file's cell; blank is None.

    A number is counted in the item's steps, exactly ("38.5" with one decimal is 385,
    "3.0" without is 3). Raises as `validate_answer`, but leaves the judgement of skips to it.
    """
    if (digit := read_digit(item, text)) is not None:
        return digit
    if not trim_text(text):
        return None
    if item.free_text:
        return validate_answer(item, text)
    number = NUMBER.fullmatch(trim_text(text))
    if number is None:
        raise Refused("wrong_kind", item=item.code, allowed="number")
    sign, whole, part = number.groups(default="")
    decimals, rest = part[: item.decimals], part[item.decimals :]
    if rest.strip("0"):
        raise Refused("wrong_kind", item=item.code, allowed=f"number with at most {item.decimals} decimals")
    value = int(sign + whole + decimals.ljust(item.decimals, "0"))
    if value < 0 and item.decimals:  # nothing that is measured is below 0, and -0.2 would be a code
        raise Refused("out_of_range", item=item.code, low=item.low, high=item.high)
    return validate_answer(item, value)


def parse_typed_answer(item: Item, typed: str) -> AnswerValue:
    """The stored value of what a person typed into a form, read alike by every face; blank is None.

    Raises as `parse_answer`.
    """
    plain = typed in item.by_digit or item.free_text
    return parse_answer(item, typed if plain else narrow_number(typed))


def format_answer(item: Item, value: AnswerValue) -> str:
    """The answer as text: the inverse of `parse_answer`; a skip is ""."""
    if value is None:
        return ""
    if isinstance(value, str) or not item.decimals:
        return str(value)
    whole, part = divmod(value, 10**item.decimals)
    return f"{whole}.{part:0{item.decimals}d}"


def applicable_items(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str] = frozenset()
) -> tuple[Item, ...]:
    """The items that the form asks, in order, given the answers so far.

    `leave_out` names items that the plan does not use; what depends on them is not asked
    either. Raises Refused("unknown_item").
    """
    for code in [code for code in answers if code not in instrument.by_code]:
        instrument.get_item(code)
    applicable: dict[str, Item] = {}
    for item in instrument.items:
        condition = item.condition
        if item.code in leave_out or (condition and not _is_due(item, condition, applicable, answers)):
            continue
        applicable[item.code] = item
    return tuple(applicable.values())


def unanswered_items(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str] = frozenset()
) -> tuple[str, ...]:
    """The codes of items that are asked and neither answered nor explicitly left blank.

    Of a list in which nothing is ticked, and "none of these" neither, the question over it.
    """
    settled = clear_unticked(instrument, answers, leave_out)
    empty = find_empty_list(instrument, settled, leave_out)
    return tuple(
        item.code
        for item in applicable_items(instrument, settled, leave_out)
        if settled.get(item.code, OPEN) == OPEN or item is empty
    )


def without_unasked(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str] = frozenset()
) -> dict[str, AnswerValue]:
    """The answers without those to items that are no longer asked, in the items' order."""
    settled = clear_unticked(instrument, answers, leave_out)
    items = applicable_items(instrument, settled, leave_out)
    return {item.code: settled[item.code] for item in items if item.code in settled}


def clear_unticked(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str] = frozenset()
) -> Mapping[str, AnswerValue]:
    """The answers, with every item of the list not ticked where "none of these" is."""
    over = instrument.list_item
    if over is None or answers.get(over.code) != 0:
        return answers
    listed = (item.code for item in instrument.items if item.listed and item.code not in leave_out)
    return {**answers, **dict.fromkeys(listed, NOT_TICKED)}


def reopen_unticked(
    instrument: Instrument, before: Mapping[str, AnswerValue], answers: Mapping[str, AnswerValue]
) -> Mapping[str, AnswerValue]:
    """A page's valid answers, with `OPEN` for what hangs on a tick that they take back: to ask it anew.

    `before` is the draft as it was.
    """
    reopened = [
        item.code
        for item in instrument.items
        if item.box and not item.listed
        if answers.get(item.box) == NOT_TICKED and before.get(item.code, OPEN) != OPEN
    ]
    return ValidAnswers({**answers, **dict.fromkeys(reopened, OPEN)}) if reopened else answers


def find_empty_list(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str] = frozenset()
) -> Item | None:
    """The question over a list that says that something is ticked while nothing is; None for none."""
    over = instrument.list_item
    if over is None or answers.get(over.code) != 1:
        return None
    listed = (item.code for item in instrument.items if item.listed and item.code not in leave_out)
    return over if all(answers.get(code) == NOT_TICKED for code in listed) else None


def without_codes(answers: Mapping[str, AnswerValue]) -> ValidAnswers:
    """A complete form's answers without those items that were not ticked: values and skips alone."""
    return ValidAnswers({code: value for code, value in answers.items() if value != NOT_TICKED})


def list_unticked(answers: Mapping[str, AnswerValue]) -> tuple[str, ...]:
    """The codes of the items of a complete form that stood in its list and were not ticked."""
    return tuple(code for code, value in answers.items() if value == NOT_TICKED)


def urgent_items(
    instrument: Instrument, answers: Mapping[str, AnswerValue], marks: Collection[Condition] = ()
) -> tuple[str, ...]:
    """The codes of items whose answer the instrument, or a mark of the plan, calls urgent: call now."""
    if not marks and not instrument.has_urgent_answers:
        return ()
    settled = clear_unticked(instrument, answers)
    if instrument.list_item and settled.get(instrument.list_item.code) == OPEN:
        settled = {**settled, instrument.list_item.code: 1}  # a tick counts before the list is gone through
    return tuple(
        item.code
        for item in applicable_items(instrument, settled)
        if any(condition_holds(condition, settled) for condition in urgent_conditions(item, marks))
    )


def urgent_conditions(item: Item, marks: Collection[Condition]) -> tuple[Condition, ...]:
    """When an answer to this item is urgent: by the instrument's own mark, and by those of a plan."""
    own = (item.urgent,) if item.urgent else ()
    return (*own, *(mark for mark in marks if mark.item == item.code))


def condition_holds(condition: Condition, answers: Mapping[str, AnswerValue]) -> bool:
    """Whether the condition's item has an answer and it compares so; a skip or a code never does."""
    value = answers.get(condition.item)
    if not isinstance(value, int) or value < 0:
        return False
    if condition.op is Comparison.EQUAL:
        return value == condition.value
    if condition.op is Comparison.AT_LEAST:
        return value >= condition.value
    return value <= condition.value


def _is_due(
    item: Item, condition: Condition, applicable: Mapping[str, Item], answers: Mapping[str, AnswerValue]
) -> bool:
    if item.listed and answers.get(condition.item) == 0:
        return condition.item in applicable  # the list was shown, and nothing in it ticked
    return condition.item in applicable and condition_holds(condition, answers)


def _has_code(item: Item, value: int) -> bool:
    """Whether the item can be in this state, which is none of its answers."""
    return (value == NOT_TICKED and item.listed) or (value == OPEN and (item.lists or item.box != ""))


def _words(item: Item, value: object) -> str:
    if not isinstance(value, str) or not is_writable(value):
        raise Refused("wrong_kind", item=item.code, allowed="text")
    if not item.low <= len(value) <= item.high or not value.strip():
        raise Refused("out_of_range", item=item.code, low=item.low, high=item.high)
    return value
