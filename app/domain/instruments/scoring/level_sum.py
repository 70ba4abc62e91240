"""The sum of a scale's levels, openly of this program: nothing is weighted, nobody's values are used."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from app.domain.instruments.definition import Scale
from app.domain.instruments.scoring.score import ScaleScore, ScoreStatus, status_of_score


class LevelSum:
    """The mean of the answered items times the number of items, so that a prorated sum has the same range.

    A scale needs its `minimum` of answered items; a summary is the same sum of its parts.
    """

    name = "level-sum 1.0"
    additive = True

    def score_range(self, scale: Scale, /) -> tuple[int, int]:
        """From every item (or part) at its least to every one at its most."""
        size = len(scale.items or scale.parts)
        return size * scale.low, size * scale.high

    def score_items(self, scale: Scale, answers: Mapping[str, int | None]) -> ScaleScore:
        """The sum of a scale of items; `answers` are those to the items that were asked."""
        asked = [code for code in scale.items if code in answers]
        values = {code: Fraction(value) for code in asked if (value := answers[code]) is not None}
        return _summed(scale, values, len(asked), whole=True)

    def score_parts(self, scale: Scale, parts: Sequence[ScaleScore]) -> ScaleScore:
        """The sum of the parts that have a score."""
        named = dict(zip(scale.parts, parts, strict=True))
        values = {code: part.value for code, part in named.items() if part.value is not None}
        asked = [part for part in parts if part.status is not ScoreStatus.NOT_ADMINISTERED]
        whole = all(part.status is not ScoreStatus.PRORATED for part in parts)
        return _summed(scale, values, len(asked), whole=whole)


def _summed(scale: Scale, values: Mapping[str, Fraction], asked: int, *, whole: bool) -> ScaleScore:
    answered, both_ends = len(values), scale.low + scale.high
    enough = answered >= scale.minimum
    status = status_of_score(answered, asked, enough, whole)
    if not enough:
        return ScaleScore(None, 1, answered, asked, status)
    total = sum(both_ends - value if code in scale.reversed else value for code, value in values.items())
    size = len(scale.items or scale.parts)
    return ScaleScore(*(Fraction(total) * size / answered).as_integer_ratio(), answered, asked, status)
