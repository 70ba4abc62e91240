"""Published thresholds of scores, each with its source; a study's plan says whether they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from app.domain.instruments.definition import Direction, Scale


@dataclass(frozen=True, slots=True)
class ThresholdSet:
    """The thresholds of one publication for one instrument, by scale."""

    instrument: str
    source: str
    limits: Mapping[str, Fraction]

    def find_limit(self, scale: Scale) -> tuple[Fraction, bool] | None:
        """A scale's threshold, and whether a score above it is beyond; None where none is published."""
        limit = self.limits.get(scale.code)
        return None if limit is None else (limit, scale.better is Direction.LOWER)


def _limits(words: str) -> Mapping[str, Fraction]:
    return {code: Fraction(number) for code, number in (word.split(":") for word in words.split())}


THRESHOLD_SETS: Mapping[str, ThresholdSet] = {
    "giesinger-2020": ThresholdSet(
        "qlq-c30",
        "Giesinger JM et al. J Clin Epidemiol 2020;118:1-8",
        _limits(
            "PF:83 RF:58 SF:58 EF:71 CF:75 FA:39 PA:25 NV:8 SL:50 DY:17 AP:50 CO:50 DI:17 FI:17",
        ),
    ),
}
"""By the name that a plan gives; there is none for QL and SUM."""
