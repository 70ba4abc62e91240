"""What every scoring algorithm gives: a scale's exact value, what it rests on, and how it is printed."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from app.domain.instruments.definition import Scale
from app.domain.refusal import Refused

DECIMALS = 10
_Numeric = TypeVar("_Numeric", int, Fraction)


class ScoreStatus(StrEnum):
    """How far a score rests on answers: all, enough, too few, or nothing was asked."""

    COMPLETE = "complete"
    PRORATED = "prorated"
    TOO_FEW = "too_few"
    NOT_ADMINISTERED = "not_administered"


class ScaleScore(NamedTuple):
    """One scale's value as a ratio in lowest terms (no numerator: no value), and what it rests on.

    `answered` and `asked` count items; for a summary score they count its parts.
    """

    numerator: int | None
    denominator: int
    answered: int
    asked: int
    status: ScoreStatus

    @property
    def value(self) -> Fraction | None:
        """The value itself."""
        return None if self.numerator is None else _fraction(self.numerator, self.denominator)

    @property
    def text(self) -> str:
        """The value in its canonical decimal; "" for none."""
        return "" if self.numerator is None else _printed(self.numerator, self.denominator)


@dataclass(frozen=True, slots=True)
class Score:
    """A scale's score with everything that says what it is comparable with."""

    scale: str
    value: Fraction | None
    answered: int
    asked: int
    status: ScoreStatus
    instrument: str
    version: str
    algorithm: str


def reverse_value(scale: Scale, code: str, value: _Numeric, over: int = 1) -> _Numeric:
    """The value of an item or part, counted from the scale's other end where the scale reverses it.

    A value that is a numerator stands `over` its denominator.
    """
    return (scale.low + scale.high) * over - value if code in scale.reversed else value


def has_enough_answers(minimum: int, answered: int) -> bool:
    """The half rule: whether a scale, or a summary, has as many answers as its instrument asks for."""
    return answered >= minimum


def status_of_score(answered: int, questions: int, enough: bool, whole: bool = True) -> ScoreStatus:
    """The status of a score; `whole` is false when a part of it is itself prorated."""
    if questions == 0:
        return ScoreStatus.NOT_ADMINISTERED
    if not enough:
        return ScoreStatus.TOO_FEW
    return ScoreStatus.COMPLETE if whole and answered == questions else ScoreStatus.PRORATED


def format_score(value: Fraction) -> str:
    """The one canonical decimal: ten places, half to even, trailing zeros removed."""
    return _printed(value.numerator, value.denominator)


def round_printed_score(printed: str) -> str:
    """A printed score as pages show it, to one decimal, half to even; what is stored and sent stays exact."""
    return str(Decimal(printed).quantize(Decimal("0.1"), ROUND_HALF_EVEN))


def serialise_score(score: Score) -> dict[str, Any]:
    """A score as JSON: its printed value (None when not scorable), and what it rests on."""
    return {
        "scale": score.scale,
        "value": format_score(score.value) if score.value is not None else None,
        "answered": score.answered,
        "asked": score.asked,
        "status": score.status.value,
    }


@lru_cache(maxsize=4096)
def _fraction(numerator: int, denominator: int) -> Fraction:
    """There are few scores, and making a fraction looks for common divisors."""
    return Fraction(numerator, denominator)


@lru_cache(maxsize=4096)
def _printed(numerator: int, denominator: int) -> str:
    """Two whole numbers are looked up faster than the fraction, whose hash is dear."""
    tenths = round(Fraction(numerator, denominator) * 10**DECIMALS)
    whole, part = divmod(abs(tenths), 10**DECIMALS)
    digits = f"{whole}.{part:0{DECIMALS}d}".rstrip("0").rstrip(".")
    return f"-{digits}" if tenths < 0 else digits


def change_from_baseline(later: Score, baseline: Score) -> Fraction | None:
    """Score minus baseline score, exactly; None unless both have a value.

    Raises Refused("not_comparable") for different scales, instruments or algorithms.
    """
    if _comparable_by(later) != _comparable_by(baseline):
        raise Refused("not_comparable", scale=later.scale, baseline=baseline.scale)
    if later.value is None or baseline.value is None:
        return None
    return later.value - baseline.value


def _comparable_by(score: Score) -> tuple[str, str, str, str]:
    return score.scale, score.instrument, score.version, score.algorithm
