"""Runs each instrument's golden rows: known answers must give the known scores, on this machine too."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path

from app.definitions.library import Library
from app.domain.instruments.definition import Instrument
from app.domain.instruments.scoring.eortc import Score, format_score, score_answers
from app.domain.refusal import BadDefinition, Refused

FILE = "golden.csv"
TOLERANCE = Fraction(1, 10**9)
"""Points of a 0-100 scale: what an independent program's binary arithmetic may be off (REP-05)."""


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """How much of one instrument was compared, and agreed."""

    instrument: str
    rows: int
    values: int


def check_golden(library: Library) -> tuple[GoldenResult, ...]:
    """Compare every scored instrument with its `golden.csv`.

    Columns are the item codes (empty = missing) and the scale codes (empty = not scorable).
    Raises BadDefinition naming file, row and scale at the first difference, and for an
    instrument with scales that brings no rows. Source: VAL-07.
    """
    return tuple(
        _agreed(instrument, library.root / instrument.id / instrument.version / FILE)
        for instrument in library.instruments.values()
        if instrument.scales
    )


def _agreed(instrument: Instrument, path: Path) -> GoldenResult:
    file = f"{instrument.id}/{instrument.version}/{FILE}"
    rows = 0
    for rows, row in enumerate(_rows(path, file, instrument), 1):
        try:
            scores = score_answers(instrument, _answers(instrument, row))
        except (Refused, ValueError) as wrong:
            raise BadDefinition(
                file, f"row {rows}", str(wrong), "answers that the instrument allows"
            ) from wrong
        for found in scores:
            _compare(found, row[found.scale], file, rows)
    if not rows:
        raise BadDefinition(file, "rows", 0, "at least one row of answers and scores")
    return GoldenResult(f"{instrument.id}@{instrument.version}", rows, rows * len(instrument.scales))


def _rows(path: Path, file: str, instrument: Instrument) -> Iterator[Mapping[str, str]]:
    wanted = {item.code for item in instrument.items} | {scale.code for scale in instrument.scales}
    try:
        with path.open(encoding="utf-8", newline="") as source:
            reader = csv.DictReader(source, restval="")
            missing = sorted(wanted - set(reader.fieldnames or ()))
            if missing:
                raise BadDefinition(file, "columns", ", ".join(missing), "a column for each item and scale")
            yield from reader
    except OSError as unreadable:
        raise BadDefinition(
            file, "file", "missing", "golden rows for an instrument with scales"
        ) from unreadable


def _answers(instrument: Instrument, row: Mapping[str, str]) -> dict[str, int | str | None]:
    return {item.code: int(row[item.code]) if row[item.code] else None for item in instrument.items}


def _compare(found: Score, expected: str, file: str, row: int) -> None:
    computed = "" if found.value is None else format_score(found.value)
    if (found.value is None) != (expected == "") or (
        found.value is not None and abs(found.value - _decimal(expected, file, row)) > TOLERANCE
    ):
        raise BadDefinition(
            file, f"row {row}, {found.scale}", expected, f"the computed {computed or 'no score'}"
        )


def _decimal(text: str, file: str, row: int) -> Fraction:
    try:
        return Fraction(Decimal(text))
    except (InvalidOperation, ValueError, OverflowError) as wrong:
        raise BadDefinition(file, f"row {row}", text, "a decimal number") from wrong
