"""Scores a file of answers: CSV in, CSV out, one row in memory at a time."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TextIO

from app.domain.instruments.definition import Instrument
from app.domain.instruments.reserved_codes import FLAGS_COLUMN
from app.domain.instruments.scoring.rows import RowScorer, compile_row_scorer
from app.domain.refusal import Refused

# A row with more or fewer cells than the header: its cells may have slipped, so it is not scored.
RAGGED = "row_length"
BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows were written, and how many of them carry a flag."""

    rows: int
    flagged: int


def score_file(instrument: Instrument, source: TextIO, target: TextIO) -> Tally:
    """Copies the table in `source` to `target` with the instrument's scores and `flags` added.

    An empty cell is a missing answer; a cell out of range or unreadable counts as missing,
    stays in the output as it came, and its item is named in `flags`. Open both with
    newline="" and encoding utf-8. Raises Refused for a file that is not such a table:
    "no_header", "missing_columns", "duplicate_columns", "reserved_columns", "not_utf8",
    "bad_csv", or "nothing_to_score"; `target` may by then hold some rows.
    """
    scorer = compile_row_scorer(instrument)
    rows = _rows(source)
    header = next(rows, [])
    places = _places(header, instrument, scorer)
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([*header, *scorer.columns, FLAGS_COLUMN])
    width, blanks = len(header), [""] * len(scorer.columns)
    count = flagged = 0
    for row in rows:
        if len(row) == width:
            texts, flags = scorer.row([row[place] for place in places])
            writer.writerow([*row, *texts, " ".join(flags)])
        else:
            flags = (RAGGED,)
            writer.writerow([*row[:width], *[""] * (width - len(row)), *blanks, RAGGED])
        count += 1
        flagged += bool(flags)
    return Tally(count, flagged)


def _rows(source: TextIO) -> Iterator[list[str]]:
    """The rows that are not blank lines; what cannot be read as UTF-8 CSV is refused."""
    reader = csv.reader(())
    try:
        first = source.readline().removeprefix(BYTE_ORDER_MARK)
        reader = csv.reader(chain((first,), source))
        for row in reader:
            if row:
                yield row
    except UnicodeDecodeError as error:
        raise Refused("not_utf8", after_line=reader.line_num, allowed="UTF-8") from error
    except csv.Error as error:
        raise Refused("bad_csv", line=reader.line_num, reason=str(error)) from error


def _places(header: Sequence[str], instrument: Instrument, scorer: RowScorer) -> list[int]:
    """Where each item stands in the header; extra columns are welcome, doubtful ones are not."""
    names = [name.strip() for name in header]
    codes = [item.code for item in instrument.items]
    if not any(names):
        raise Refused("no_header", allowed=codes)
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise Refused("duplicate_columns", columns=doubled)
    missing = [code for code in codes if code not in names]
    if missing:
        raise Refused("missing_columns", columns=missing, allowed=codes)
    reserved = [name for name in (*scorer.columns, FLAGS_COLUMN) if name in names]
    if reserved:
        raise Refused("reserved_columns", columns=reserved)
    return [names.index(code) for code in codes]
