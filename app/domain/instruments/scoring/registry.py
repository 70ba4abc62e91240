"""Scoring algorithms by the name that an instrument gives, and scoring a form by its instrument's."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from app.domain.instruments.definition import Instrument, Item, Scale
from app.domain.instruments.responses import (
    NOT_TICKED,
    AnswerValue,
    ValidAnswers,
    applicable_items,
    validate_answer,
)
from app.domain.instruments.scoring.eortc import EortcLinear
from app.domain.instruments.scoring.level_sum import LevelSum
from app.domain.instruments.scoring.score import ScaleScore, Score
from app.domain.instruments.scoring.worst_of import WorstOf

NO_ALGORITHM = "none"
"""What an instrument without scales says."""


class ScoringAlgorithm(Protocol):
    """Scores one scale at a time, exactly; it keeps nothing between two calls.

    What was not asked is no key of `answers`; what was left blank is None.
    """

    name: str
    additive: bool
    """Whether a value rests on nothing but the number of answers (or parts) and their sum, turned first."""

    def score_range(self, scale: Scale, /) -> tuple[int, int]:
        """The least and the greatest score that the scale can have."""

    def score_items(self, scale: Scale, answers: Mapping[str, int | None]) -> ScaleScore:
        """The score of a scale of items."""

    def score_parts(self, scale: Scale, parts: Sequence[ScaleScore]) -> ScaleScore:
        """The score of a summary, from those of `scale.parts` in their order."""


_ALGORITHMS: tuple[ScoringAlgorithm, ...] = (EortcLinear(), LevelSum(), WorstOf())
_BY_NAME: Mapping[str, ScoringAlgorithm] = {each.name: each for each in _ALGORITHMS}
ALGORITHM_NAMES = (*_BY_NAME, NO_ALGORITHM)
"""What may stand under `algorithm` in an instrument.toml."""


def find_algorithm(name: str) -> ScoringAlgorithm:
    """The algorithm of that name; KeyError for none, which an instrument with scales cannot have."""
    return _BY_NAME[name]


def score_answers(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str] = frozenset()
) -> tuple[Score, ...]:
    """Every scale of the instrument, in its order, from raw answers, which stay as they are.

    Items that conditions do not ask or that were not ticked, and those of `leave_out`, count neither as asked
    nor as answered.
    Raises Refused: "unknown_item", or as `validate_answer` for an answer that the item cannot have;
    `ValidAnswers` are trusted.
    """
    if not instrument.scales:
        return ()
    algorithm = find_algorithm(instrument.algorithm)
    items = applicable_items(instrument, answers, leave_out)
    number = _trusted_number if isinstance(answers, ValidAnswers) else _number
    numbers = {
        item.code: number(item, answers.get(item.code))
        for item in items
        if answers.get(item.code) != NOT_TICKED
    }
    results: dict[str, ScaleScore] = {}
    for scale in instrument.scales:
        if scale.parts:
            results[scale.code] = algorithm.score_parts(scale, [results[code] for code in scale.parts])
        else:
            results[scale.code] = algorithm.score_items(scale, numbers)
    return tuple(_named(instrument, code, result) for code, result in results.items())


def _named(instrument: Instrument, scale: str, result: ScaleScore) -> Score:
    return Score(
        scale=scale,
        value=result.value,
        answered=result.answered,
        asked=result.asked,
        status=result.status,
        instrument=instrument.id,
        version=instrument.version,
        algorithm=instrument.algorithm,
    )


def _trusted_number(_item: Item, value: AnswerValue) -> int | None:
    return value if isinstance(value, int) else None


def _number(item: Item, value: AnswerValue) -> int | None:
    if value is None:
        return None
    accepted = validate_answer(item, value)
    return accepted if isinstance(accepted, int) else None
