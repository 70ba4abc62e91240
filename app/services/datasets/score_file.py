"""Scores a file of answers: CSV in, CSV out, one row in memory at a time."""

import csv
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TextIO

from app.domain.instruments.definition import Instrument, Item
from app.domain.instruments.reserved_codes import FLAGS_COLUMN
from app.domain.instruments.responses import parse_answer
from app.domain.instruments.scoring.rows import RowScorer, compile_row_scorer
from app.domain.refusal import Refused
from app.domain.typed_text import trim_text
from app.services.datasets.answer_table import DELIMITERS, LONG_CELL, AnswerTable

# A row with more or fewer cells than the header: its cells may have slipped, so it is not scored.
RAGGED = "row_length"
# A row with a cell that other programs may not be able to read.
LONG = "cell_length"


_Writer = Callable[[Sequence[str]], object]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many lines were read, how many rows written, and how many of these carry a flag."""

    lines: int
    rows: int
    flagged: int


def score_file(
    instrument: Instrument,
    source: TextIO,
    target: TextIO,
    missing: Collection[str] = (),
    allow_line_breaks: bool = False,
) -> Tally:
    """Copies the table in `source` to `target` with the instrument's scores and `flags` added.

    Every line after the header becomes one row, unless `allow_line_breaks` lets a quoted cell go over more
    than one. An empty cell, or one that holds a code of `missing`, is a missing answer; a cell out of range
    or unreadable counts as missing, stays in the output as it came, and its item is named in `flags`. Open
    both with newline="" and encoding utf-8. Raises Refused for a file that is not such a table:
    "no_header", "missing_columns", "duplicate_columns", "reserved_columns" or what
    `AnswerTable.read_rows` raises; for "missing_is_answer" and "nothing_to_score"; `target` may by then
    hold some rows.
    """
    scorer = compile_row_scorer(instrument)
    codes = frozenset(missing)
    _check_missing(instrument.items, codes)
    table = AnswerTable(source, [item.code for item in instrument.items], allow_line_breaks)
    rows = table.read_rows()
    header = next(rows, [])
    places = _places(header, instrument, scorer, table)
    writers = _writers(target, table)
    writers[0]([*header, *scorer.columns, FLAGS_COLUMN])
    width, blanks = len(header), [""] * len(scorer.columns)
    count = flagged = 0
    for row in rows:
        if len(row) == width:
            cells = [row[place] for place in places]
            texts, flags = scorer.row(_without_codes(cells, codes) if codes else cells)
        else:
            row = [*row[:width], *[""] * (width - len(row))]  # noqa: PLW2901 - the same row, as wide as the header
            texts, flags = blanks, (RAGGED,)
        if table.row_length > LONG_CELL and max(map(len, row)) > LONG_CELL:
            flags = (*flags, LONG)
        writers[table.row_lines > 1]([*row, *texts, " ".join(flags)])
        count += 1
        flagged += bool(flags)
    return Tally(table.lines, count, flagged)


def _writers(target: TextIO, table: AnswerTable) -> tuple[_Writer, _Writer]:
    """What writes a row, with the delimiter that it was read with, and what writes one with line breaks.

    The latter quotes every cell: Python leaves a lone carriage return unquoted, and a reader takes it for the
    end of the row.
    """
    plain = csv.writer(target, delimiter=table.delimiter, lineterminator="\n")
    quoting = csv.writer(target, delimiter=table.delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    return plain.writerow, quoting.writerow


def _check_missing(items: Sequence[Item], codes: Collection[str]) -> None:
    """Refuse a code for missing that is a possible answer: real answers would disappear."""
    for code in sorted(codes):
        for item in items:
            if not item.free_text and _is_answer(item, code):
                raise Refused("missing_is_answer", value=code, item=item.code)


def _is_answer(item: Item, code: str) -> bool:
    try:
        return parse_answer(item, code) is not None
    except Refused:
        return False


def _without_codes(cells: Sequence[str], codes: Collection[str]) -> list[str]:
    return ["" if trim_text(cell) in codes else cell for cell in cells]


def _places(
    header: Sequence[str], instrument: Instrument, scorer: RowScorer, table: AnswerTable
) -> list[int]:
    """Where each item stands in the header; extra columns are welcome, doubtful ones are not."""
    names = [name.strip() for name in header]
    codes = [item.code for item in instrument.items]
    if not any(names):
        raise Refused("no_header", allowed=codes)
    doubled = sorted(name for name, times in Counter(names).items() if name and times > 1)
    if doubled:
        raise Refused("duplicate_columns", columns=doubled)
    places = {name: place for place, name in enumerate(names)}
    missing = [code for code in codes if code not in places]
    if missing:
        raise Refused(
            "missing_columns",
            columns=missing,
            allowed=codes,
            delimiter=table.delimiter_name,
            delimiters=tuple(DELIMITERS),
        )
    reserved = [name for name in (*scorer.columns, FLAGS_COLUMN) if name in places]
    if reserved:
        raise Refused("reserved_columns", columns=reserved)
    return [places[code] for code in codes]
