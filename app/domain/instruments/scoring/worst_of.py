"""An invented algorithm, of no publication: the worst answer of a scale stands for the scale."""

from collections.abc import Sequence
from fractions import Fraction

from app.domain.instruments.definition import Scale
from app.domain.instruments.scoring.value_scoring import ValueScoring


class WorstOf(ValueScoring):
    """The highest answered item, in the items' own range; a summary is the highest of its parts.

    It was made up for this program, to show that a second algorithm is one module and one line of the
    registry. No published questionnaire is scored so.
    """

    name = "worst-of 1.0"
    additive = False

    def score_range(self, scale: Scale, /) -> tuple[int, int]:
        """That of the items, or of the parts."""
        return scale.low, scale.high

    def combine(self, _scale: Scale, values: Sequence[Fraction], /) -> Fraction:
        """The highest of them."""
        return max(values)
