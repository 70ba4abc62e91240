"""Scoring algorithms by the name that an instrument gives, and scoring a form by its instrument's."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from app.domain.instruments.definition import Instrument, Scale
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
_BY_NAME: Mapping[str, ScoringAlgorithm] = {algorithm.name: algorithm for algorithm in _ALGORITHMS}
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
    results = _score_scales(instrument, answers, leave_out)
    return tuple(_named(instrument, code, result) for code, result in results.items())


def serialise_scores(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str] = frozenset()
) -> list[dict[str, Any]]:
    """What `serialise_score` makes of each of `score_answers`, which raises so."""
    return [
        {
            "scale": code,
            "value": result.text or None,
            "answered": result.answered,
            "asked": result.asked,
            "status": str(result.status),
        }
        for code, result in _score_scales(instrument, answers, leave_out).items()
    ]


def _score_scales(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str]
) -> Mapping[str, ScaleScore]:
    if not instrument.scales:
        return {}
    algorithm = find_algorithm(instrument.algorithm)
    numbers = _numbers(instrument, answers, leave_out)
    results: dict[str, ScaleScore] = {}
    for scale in instrument.scales:
        if scale.parts:
            results[scale.code] = algorithm.score_parts(scale, [results[code] for code in scale.parts])
        else:
            results[scale.code] = algorithm.score_items(scale, numbers)
    return results


def _numbers(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str]
) -> Mapping[str, int | None]:
    """The answers that scales count, by the items that were asked; words are none."""
    trusted = isinstance(answers, ValidAnswers)
    numbers: dict[str, int | None] = {}
    for item in applicable_items(instrument, answers, leave_out):
        value = answers.get(item.code)
        if value == NOT_TICKED:
            continue
        if value is not None and not trusted:
            value = validate_answer(item, value)
        numbers[item.code] = value if type(value) is int else None
    return numbers


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
