"""The unweighted sum of a scale's levels: defined by this program, and by no publication."""

from collections.abc import Sequence
from fractions import Fraction

from app.domain.instruments.definition import Scale
from app.domain.instruments.scoring.value_scoring import ValueScoring


class LevelSum(ValueScoring):
    """The mean of the answered items times the number of items, so that a prorated sum has the same range."""

    name = "level-sum 1.0"
    additive = True

    def score_range(self, scale: Scale, /) -> tuple[int, int]:
        """From every item (or part) at its least to every one at its most."""
        size = len(scale.items or scale.parts)
        return size * scale.low, size * scale.high

    def combine(self, scale: Scale, values: Sequence[Fraction], /) -> Fraction:
        """Their sum, prorated to all items or parts."""
        return Fraction(sum(values)) * len(scale.items or scale.parts) / len(values)
