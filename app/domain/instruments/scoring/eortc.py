"""Scores of an instrument, exactly: whole numbers and fractions, rounded once when printed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import lcm

from app.domain.instruments.definition import Instrument, Item, Scale, ScaleKind
from app.domain.instruments.responses import AnswerValue, applicable_items, validate_answer
from app.domain.refusal import Refused

DECIMALS = 10


class ScoreStatus(StrEnum):
    """How far a score rests on answers: all, enough, too few, or nothing was asked."""

    COMPLETE = "complete"
    PRORATED = "prorated"
    TOO_FEW = "too_few"
    NOT_ADMINISTERED = "not_administered"


@dataclass(frozen=True, slots=True)
class Score:
    """One scale's value from 0 to 100, or None, and what it rests on.

    `answered` and `asked` count items; for a summary score they count its parts.
    """

    scale: str
    value: Fraction | None
    answered: int
    asked: int
    status: ScoreStatus
    instrument: str
    version: str
    algorithm: str


def score_answers(instrument: Instrument, answers: Mapping[str, AnswerValue]) -> tuple[Score, ...]:
    """Every scale of the instrument, in its order, from raw answers, which stay as they are.

    EORTC linear transformation of the mean of the answered items; a scale needs its
    `minimum` of them (EORTC QLQ-C30 Scoring Manual, 3rd edition). A summary needs its
    `minimum` of parts (Giesinger 2016: all 13). Items that conditions do not ask count
    neither as asked nor as answered. Raises Refused: "unknown_item", or as `accept` for
    an answer that the item cannot have.
    """
    given = {
        item.code: _number(item, answers.get(item.code)) for item in applicable_items(instrument, answers)
    }
    scores: dict[str, Score] = {}
    for scale in instrument.scales:
        basis = _of_parts(scale, scores) if scale.parts else _of_items(scale, given)
        enough = basis.answered >= scale.minimum
        scores[scale.code] = Score(
            scale=scale.code,
            value=linear_transform(scale, basis.total, basis.answered) if enough else None,
            answered=basis.answered,
            asked=basis.asked,
            status=_status(basis, enough),
            instrument=instrument.id,
            version=instrument.version,
            algorithm=instrument.algorithm,
        )
    return tuple(scores.values())


def linear_transform(scale: Scale, total: Fraction | int, answered: int) -> Fraction:
    """The 0-100 score of a raw sum of `answered` values, reversed ones already turned round."""
    return _transformed(scale.low, scale.high, scale.kind is ScaleKind.FUNCTIONAL, total, answered)


@lru_cache(maxsize=4096)
def _transformed(low: int, high: int, falls: bool, total: Fraction | int, answered: int) -> Fraction:
    """There are few sums, and fractions are slow."""
    share = (Fraction(total) - answered * low) / (answered * (high - low))
    return 100 * (1 - share if falls else share)


def format_score(value: Fraction) -> str:
    """The one canonical decimal: ten places, half to even, trailing zeros removed."""
    return _printed(value.numerator, value.denominator)


@lru_cache(maxsize=4096)
def _printed(numerator: int, denominator: int) -> str:
    """Two whole numbers are found sooner than the fraction, whose hash is a long reckoning."""
    tenths = round(Fraction(numerator, denominator) * 10**DECIMALS)
    whole, part = divmod(abs(tenths), 10**DECIMALS)
    digits = f"{whole}.{part:0{DECIMALS}d}".rstrip("0").rstrip(".")
    return f"-{digits}" if tenths < 0 else digits


def change_from_baseline(later: Score, baseline: Score) -> Fraction | None:
    """Score minus baseline score, exactly; None unless both have a value.

    Raises Refused("not_comparable") for different scales, instruments or algorithms.
    """
    if _ruler(later) != _ruler(baseline):
        raise Refused("not_comparable", scale=later.scale, baseline=baseline.scale)
    if later.value is None or baseline.value is None:
        return None
    return later.value - baseline.value


def _ruler(score: Score) -> tuple[str, str, str, str]:
    return score.scale, score.instrument, score.version, score.algorithm


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a score rests on; `whole` is false when a part is itself prorated."""

    total: Fraction | int
    answered: int
    asked: int
    whole: bool


def _number(item: Item, value: AnswerValue) -> int | None:
    if value is None:
        return None
    accepted = validate_answer(item, value)
    return accepted if isinstance(accepted, int) else None


def _of_items(scale: Scale, given: Mapping[str, int | None]) -> _Basis:
    due = [code for code in scale.items if code in given]
    values = [_turned(scale, code, value) for code in due if (value := given[code]) is not None]
    return _Basis(sum(values), len(values), len(due), True)


def _of_parts(scale: Scale, scores: Mapping[str, Score]) -> _Basis:
    parts = [scores[code] for code in scale.parts]
    due = [part for part in parts if part.status is not ScoreStatus.NOT_ADMINISTERED]
    values = [_turned(scale, part.scale, part.value) for part in due if part.value is not None]
    whole = all(part.status is ScoreStatus.COMPLETE for part in due)
    return _Basis(_sum(values), len(values), len(due), whole)


def _sum(values: Collection[Fraction | int]) -> Fraction:
    """Exactly, over one denominator: to add fractions one by one brings each to its lowest terms."""
    common = lcm(*(value.denominator for value in values))
    return Fraction(sum(value.numerator * (common // value.denominator) for value in values), common)


def _turned(scale: Scale, code: str, value: Fraction | int) -> Fraction | int:
    return scale.low + scale.high - value if code in scale.reversed else value


def _status(basis: _Basis, enough: bool) -> ScoreStatus:
    if basis.asked == 0:
        return ScoreStatus.NOT_ADMINISTERED
    if not enough:
        return ScoreStatus.TOO_FEW
    if basis.whole and basis.answered == basis.asked:
        return ScoreStatus.COMPLETE
    return ScoreStatus.PRORATED
