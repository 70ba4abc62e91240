"""An invented algorithm, of no publication: the worst answer of a scale stands for the scale."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from app.domain.instruments.definition import Scale
from app.domain.instruments.scoring.score import ScaleScore, ScoreStatus, status_of_score


class WorstOf:
    """The highest answered item, in the items' own range; a summary is the highest of its parts.

    It was made up for this program, to show that a second algorithm is one module and one line of the
    registry. No published questionnaire is scored so.
    """

    name = "worst-of 1.0"
    additive = False

    def score_range(self, scale: Scale, /) -> tuple[int, int]:
        """That of the items, or of the parts."""
        return scale.low, scale.high

    def score_items(self, scale: Scale, answers: Mapping[str, int | None]) -> ScaleScore:
        """The highest answer among `answers`, which are those to the items that were asked."""
        asked = [code for code in scale.items if code in answers]
        values = {code: Fraction(value) for code in asked if (value := answers[code]) is not None}
        return _highest(scale, values, len(asked), whole=True)

    def score_parts(self, scale: Scale, parts: Sequence[ScaleScore]) -> ScaleScore:
        """The highest of the parts that have a score."""
        named = dict(zip(scale.parts, parts, strict=True))
        values = {code: part.value for code, part in named.items() if part.value is not None}
        asked = [part for part in parts if part.status is not ScoreStatus.NOT_ADMINISTERED]
        whole = all(part.status is not ScoreStatus.PRORATED for part in parts)
        return _highest(scale, values, len(asked), whole=whole)


def _highest(scale: Scale, values: Mapping[str, Fraction], asked: int, *, whole: bool) -> ScaleScore:
    both_ends = scale.low + scale.high
    turned = [both_ends - value if code in scale.reversed else value for code, value in values.items()]
    enough = len(turned) >= scale.minimum
    status = status_of_score(len(turned), asked, enough, whole)
    if not enough:
        return ScaleScore(None, 1, len(turned), asked, status)
    return ScaleScore(*max(turned).as_integer_ratio(), len(turned), asked, status)
