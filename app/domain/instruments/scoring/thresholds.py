"""Published thresholds of scores, each with its source; a study's plan says whether they are shown."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

from app.domain.instruments.definition import Direction, Instrument, Scale
from app.domain.instruments.scoring.registry import find_algorithm
from app.domain.toml_section import TomlSection, read_toml

MOST_SOURCE = 60
"""Characters of a source: the analysis dataset has one column for scale, limit and source."""


@dataclass(frozen=True, slots=True)
class ThresholdSet:
    """The thresholds of one publication for one instrument, by scale."""

    source: str
    limits: Mapping[str, Fraction]

    def find_limit(self, scale: Scale) -> tuple[Fraction, bool] | None:
        """A scale's threshold, and whether a score above it is beyond; None where none is published."""
        limit = self.limits.get(scale.code)
        return None if limit is None else (limit, scale.better is Direction.LOWER)


def parse_thresholds(toml: str, file: str, versions: Collection[Instrument]) -> ThresholdSet:
    """The thresholds that a TOML text states for an instrument of these versions. Raises BadDefinition."""
    root = read_toml(toml, file)
    source = root.read_line("source")
    if len(source) > MOST_SOURCE or not source.isascii():
        root.refuse("source", source, f"at most {MOST_SOURCE} characters of ASCII")
    limits = root.read_section("limits")
    ranges = _score_ranges(versions)
    thresholds = ThresholdSet(source, {code: _limit(limits, code, ranges) for code in limits.list_names()})
    root.refuse_unknown()
    return thresholds


def _limit(limits: TomlSection, code: str, ranges: Mapping[str, tuple[int, int]]) -> Fraction:
    if code not in ranges:
        limits.refuse(code, code, "a scale of the instrument: " + ", ".join(ranges))
    return Fraction(limits.read_integer(code, *ranges[code]))


def _score_ranges(versions: Collection[Instrument]) -> Mapping[str, tuple[int, int]]:
    """From where to where the score of each scale goes, by its code."""
    return {
        scale.code: find_algorithm(version.algorithm).score_range(scale)
        for version in versions
        for scale in version.scales
    }
