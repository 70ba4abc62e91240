"""What algorithms share that compute a scale from its values alone, turned where the scale reverses them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from fractions import Fraction

from app.domain.instruments.definition import Scale
from app.domain.instruments.scoring.score import (
    ScaleScore,
    ScoreStatus,
    has_enough_answers,
    reverse_value,
    status_of_score,
)


class ValueScoring(ABC):
    """An algorithm that gives a scale one value for those of its items or parts, and says only how.

    A scale needs its `minimum` of them; a summary is computed from its parts in the same way.
    """

    @abstractmethod
    def combine(self, scale: Scale, values: Sequence[Fraction], /) -> Fraction:
        """The scale's value from the values that are there."""

    def score_items(self, scale: Scale, answers: Mapping[str, int | None]) -> ScaleScore:
        """The score of a scale of items; `answers` are those to the items that were asked."""
        codes = [code for code in scale.items if code in answers]
        values = {code: Fraction(value) for code in codes if (value := answers[code]) is not None}
        return self._score(scale, values, len(codes), whole=True)

    def score_parts(self, scale: Scale, parts: Sequence[ScaleScore]) -> ScaleScore:
        """The score of the parts that have one."""
        named = dict(zip(scale.parts, parts, strict=True))
        values = {code: part.value for code, part in named.items() if part.value is not None}
        administered = [part for part in parts if part.status is not ScoreStatus.NOT_ADMINISTERED]
        whole = all(part.status is not ScoreStatus.PRORATED for part in parts)
        return self._score(scale, values, len(administered), whole=whole)

    def _score(
        self, scale: Scale, values: Mapping[str, Fraction], questions: int, *, whole: bool
    ) -> ScaleScore:
        answered = len(values)
        enough = has_enough_answers(scale.minimum, answered)
        status = status_of_score(answered, questions, enough, whole)
        if not enough:
            return ScaleScore(None, 1, answered, questions, status)
        turned = [reverse_value(scale, code, value) for code, value in values.items()]
        return ScaleScore(*self.combine(scale, turned).as_integer_ratio(), answered, questions, status)
