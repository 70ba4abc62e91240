"""Runs each instrument's golden rows: known answers must give the known scores, on this machine too."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from app.definitions.library import Library
from app.definitions.reading import read_definition
from app.domain.instruments.definition import Instrument
from app.domain.instruments.responses import AnswerValue, parse_answer
from app.domain.instruments.scoring.registry import find_algorithm, score_answers
from app.domain.instruments.scoring.score import Score, format_score
from app.domain.refusal import BadDefinition, Refused

FILE = "golden.csv"
NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,40})?([eE]-?[0-9]{1,2})?")
MOST_ROWS, MOST_OTHER_COLUMNS = 10_000, 10
"""Of a file of golden rows: they are scored within a second."""
TOLERANCE = Fraction(1, 10**11)
"""Of a score's whole range (a billionth of a point on 0-100): what an independent program's binary
arithmetic may be off (REP-05)."""


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
    algorithm = find_algorithm(instrument.algorithm)
    ranges = {scale.code: algorithm.score_range(scale) for scale in instrument.scales}
    rows = 0
    for rows, row in enumerate(_rows(path, file, instrument), 1):
        try:
            scores = score_answers(instrument, _answers(instrument, row))
        except Refused as wrong:
            raise BadDefinition(
                file, f"row {rows}", str(wrong), "answers that the instrument allows"
            ) from wrong
        for score in scores:
            _compare(score, row[score.scale], ranges[score.scale], f"row {rows}, {score.scale}", file)
    if not rows:
        raise BadDefinition(file, "rows", 0, "at least one row of answers and scores")
    return GoldenResult(f"{instrument.id}@{instrument.version}", rows, rows * len(instrument.scales))


def _rows(path: Path, file: str, instrument: Instrument) -> Iterator[Mapping[str, str]]:
    expected = {item.code for item in instrument.items} | {scale.code for scale in instrument.scales}
    if not path.exists():
        raise BadDefinition(file, "file", "missing", "golden rows for an instrument with scales")
    reader = csv.reader(io.StringIO(read_definition(path, file), newline=""), strict=True)
    try:
        names = next(reader, [])
        _check_columns(names, expected, file)
        for number, cells in enumerate(filter(None, reader), 1):
            if number > MOST_ROWS:
                raise BadDefinition(file, f"row {number}", "", f"at most {MOST_ROWS} rows")
            if len(cells) != len(names):
                raise BadDefinition(
                    file, f"row {number}", len(cells), f"{len(names)} cells, as the first line"
                )
            yield dict(zip(names, cells, strict=True))
    except csv.Error as error:
        raise BadDefinition(file, f"line {reader.line_num}", str(error), "a CSV file") from error


def _check_columns(names: Sequence[str], expected: Collection[str], file: str) -> None:
    """A column for each item and scale, each once, and few others, which nothing is compared with."""
    if missing := sorted(set(expected) - set(names)):
        raise BadDefinition(file, "columns", ", ".join(missing), "a column for each item and scale")
    if len(names) > len(expected) + MOST_OTHER_COLUMNS:
        allowed = f"those of items and scales and at most {MOST_OTHER_COLUMNS} others"
        raise BadDefinition(file, "columns", len(names), allowed)
    for name in names:
        if names.count(name) > 1:
            raise BadDefinition(file, "columns", name, "each column once")


def _answers(instrument: Instrument, row: Mapping[str, str]) -> dict[str, AnswerValue]:
    return {item.code: parse_answer(item, row[item.code]) for item in instrument.items}


def _compare(score: Score, expected: str, reach: tuple[int, int], position: str, file: str) -> None:
    computed = "" if score.value is None else format_score(score.value)
    least, most = reach
    if (score.value is None) != (expected == "") or (
        score.value is not None
        and abs(score.value - _decimal(expected, position, file)) > TOLERANCE * (most - least)
    ):
        raise BadDefinition(file, position, expected, f"the computed {computed or 'no score'}")


def _decimal(text: str, position: str, file: str) -> Fraction:
    if not NUMBER.fullmatch(text):
        raise BadDefinition(file, position, text, "a decimal number")
    return Fraction(Decimal(text))
