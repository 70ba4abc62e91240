"""Answers of people who do not exist: plausible, and the same in every demonstration."""

import hashlib
from collections.abc import Collection, Mapping, Sequence

from app.domain.alerts.rules import AlertRule, find_triggered_rules
from app.domain.instruments.definition import Instrument, Item
from app.domain.instruments.responses import NOT_TICKED, AnswerValue, clear_unticked, unanswered_items
from app.domain.instruments.scoring.registry import score_answers
from app.domain.instruments.scoring.score import serialise_score

_BLANKS = 60
"""One item in so many is left blank."""
_SELDOM = {"blood_in_sputum": 12, "fever": 15, "rash": 3, "vomiting": 3, "mouth_sores": 3, "numbness": 2}
"""Diary items that are zero unless drawn once in so many entries."""
_MORE_IS_BETTER = (7, 100)
"""The highest values of questions on health as a whole."""


def draw_number(*of: str) -> int:
    """A number from 0 to 9,999 that depends on these words alone: chance without a generator."""
    return int.from_bytes(hashlib.sha256("\x1f".join(of).encode()).digest()[:4], "big") % 10_000


def draw_answers(
    instrument: Instrument, leave_out: Collection[str], subject: str, visit: str, burden: float
) -> dict[str, AnswerValue]:
    """Every item that the form asks, answered or left blank; `burden` 0..1 is how ill the person feels."""
    drawn: dict[str, AnswerValue] = {}
    while missing := unanswered_items(instrument, drawn, leave_out):
        for code in missing:
            again = code in drawn  # the question over a list in which nothing was ticked
            drawn[code] = 0 if again else _answer(instrument.get_item(code), subject, visit, burden)
    return dict(clear_unticked(instrument, drawn, leave_out))


def calm_answers(
    rules: Sequence[AlertRule], instrument: Instrument, drawn: Mapping[str, AnswerValue]
) -> dict[str, AnswerValue]:
    """The answers with each that would raise an alert one less: the stories alone decide who raises one."""
    scores = [serialise_score(score) for score in score_answers(instrument, drawn)]
    calm = dict(drawn)
    for rule in find_triggered_rules(rules, instrument.id, drawn, scores):
        scales = (scale.items for scale in instrument.scales if scale.code == rule.scale)
        for code in (rule.item,) if rule.item else next(scales):
            value = calm.get(code)
            calm[code] = min(value, rule.value) - 1 if isinstance(value, int) else value
    return calm


def complete_answers(
    instrument: Instrument, leave_out: Collection[str], drawn: Mapping[str, AnswerValue]
) -> dict[str, AnswerValue]:
    """The answers with the lowest one to every item that the form now asks beside them."""
    answers = dict(drawn)
    while missing := unanswered_items(instrument, answers, leave_out):
        answers |= {code: _lowest(instrument.get_item(code)) for code in missing}
    return answers


def _lowest(item: Item) -> int:
    return NOT_TICKED if item.listed else item.low


def _answer(item: Item, subject: str, visit: str, burden: float) -> AnswerValue:
    """What the person says of an item; what is not there at all is not ticked in a list."""
    value = _level(item, subject, visit, burden)
    return NOT_TICKED if item.listed and value in (None, item.low) else value


def _level(item: Item, subject: str, visit: str, burden: float) -> AnswerValue:
    chance = draw_number(subject, visit, item.code)
    if item.skippable and item.condition is None and chance % _BLANKS == 0:
        return None
    if item.code in _SELDOM and chance % _SELDOM[item.code]:
        return item.low
    if item.code == "any_symptom":
        return int(chance < 10_000 * (0.35 + burden))
    if item.code == "temperature":
        return 374 + chance % 14
    # Each person has their own complaints, and each day its own luck.
    own = draw_number(subject, item.code) / 10_000 - 0.5
    level = min(1.0, max(0.0, burden + 0.35 * own + 0.2 * (chance / 10_000 - 0.5)))
    if item.high in _MORE_IS_BETTER:
        level = 1.0 - level
    return item.low + round(level * (item.high - item.low))


def symptom_burden(subject: str, weeks: float) -> float:
    """How ill a person feels so many weeks after randomisation: worst under treatment, then easing."""
    own = 0.18 + 0.25 * draw_number(subject, "course") / 10_000
    if weeks < 0:
        return own
    if weeks < 8:
        return own + 0.22 * (weeks / 8)
    return max(0.1, own + 0.22 - 0.006 * (weeks - 8)) if weeks < 60 else own
