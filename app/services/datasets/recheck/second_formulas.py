"""The formula of each scoring algorithm, written once more."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from app.domain.instruments.definition import Scale, ScaleKind


def compute_again(algorithm: str, scale: Scale, values: Mapping[str, Fraction]) -> Fraction | None:
    """A scale from the values of its items or parts, by the formula as it is written here once more."""
    if len(values) < scale.minimum:
        return None
    ends = scale.low + scale.high
    return SECOND_FORMULAS[algorithm](
        scale, [ends - value if code in scale.reversed else value for code, value in values.items()]
    )


def _draw_to_hundred(scale: Scale, values: Sequence[Fraction]) -> Fraction:
    mean = sum(values, Fraction(0)) / len(values)
    distance = scale.high - mean if scale.kind is ScaleKind.FUNCTIONAL else mean - scale.low
    return 100 * distance / (scale.high - scale.low)


def _prorate_sum(scale: Scale, values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values) * (len(scale.items) + len(scale.parts))


def _find_worst(_scale: Scale, values: Sequence[Fraction]) -> Fraction:
    return sorted(values)[-1]


SECOND_FORMULAS: Mapping[str, Callable[[Scale, Sequence[Fraction]], Fraction]] = {
    "eortc-linear 1.0": _draw_to_hundred,
    "level-sum 1.0": _prorate_sum,
    "worst-of 1.0": _find_worst,
}
"""By the name of the algorithm; a test holds that each that is registered has one."""
