"""The linear transformation of EORTC: the mean of the answered items, drawn to a range from 0 to 100."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm

from app.domain.instruments.definition import Scale, ScaleKind
from app.domain.instruments.scoring.score import (
    ScaleScore,
    ScoreStatus,
    has_enough_answers,
    reverse_value,
    status_of_score,
)

_NOT_ADMINISTERED, _PRORATED = ScoreStatus.NOT_ADMINISTERED, ScoreStatus.PRORATED


class EortcLinear:
    """EORTC QLQ-C30 Scoring Manual, 3rd edition: a scale needs its `minimum` of answered items.

    A summary score is the mean of its parts and needs its `minimum` of them (Giesinger 2016: all 13).
    """

    name = "eortc-linear 1.0"
    additive = True

    def score_range(self, _scale: Scale, /) -> tuple[int, int]:
        """Every scale is drawn to 0-100, whatever its items take."""
        return 0, 100

    def score_items(self, scale: Scale, answers: Mapping[str, int | None]) -> ScaleScore:
        """The score of a scale of items; `answers` are those to the items that were asked."""
        turned, mirror = scale.reversed, scale.low + scale.high
        total = answered = expected = 0
        for code in scale.items:
            if code in answers:
                expected += 1
                value = answers[code]
                if value is not None:
                    answered += 1
                    total += mirror - value if code in turned else value
        return _score(scale, total, 1, answered, expected, whole=True)

    def score_parts(self, scale: Scale, parts: Sequence[ScaleScore]) -> ScaleScore:
        """The score of a summary, in whole numbers over one denominator, as fractions are slow."""
        numerators, denominators, _, _, statuses = zip(*parts, strict=True)
        common = lcm(*denominators)
        total = answered = 0
        for code, number, below in zip(scale.parts, numerators, denominators, strict=True):
            if number is not None:
                answered += 1
                total += reverse_value(scale, code, number * (common // below), common)
        administered = len(parts) - statuses.count(_NOT_ADMINISTERED)
        return _score(scale, total, common, answered, administered, whole=_PRORATED not in statuses)


def _score(
    scale: Scale, total: int, common: int, answered: int, questions: int, *, whole: bool
) -> ScaleScore:
    falls = scale.kind is ScaleKind.FUNCTIONAL
    bounds = scale.low, scale.high
    return _compute(scale.minimum, bounds, falls, total, common, answered, questions, whole)


@lru_cache(maxsize=8192)
def _compute(
    minimum: int,
    bounds: tuple[int, int],
    falls: bool,
    total: int,
    common: int,
    answered: int,
    questions: int,
    whole: bool,
) -> ScaleScore:
    """There are few sums, and fractions are slow."""
    enough = has_enough_answers(minimum, answered)
    status = status_of_score(answered, questions, enough, whole)
    if not enough:
        return ScaleScore(None, 1, answered, questions, status)
    low, high = bounds
    share = Fraction(total - answered * low * common, answered * (high - low) * common)
    above, below = (100 * (1 - share if falls else share)).as_integer_ratio()
    return ScaleScore(above, below, answered, questions, status)
