"""Scores a file of answers: CSV in, CSV out, a bounded number of rows in memory at a time."""

import csv
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple, TextIO

from app.domain.instruments.definition import Instrument, Item
from app.domain.instruments.reserved_codes import FLAGS_COLUMN
from app.domain.instruments.responses import parse_answer
from app.domain.instruments.scoring.columns import ColumnScorer, compile_column_scorer
from app.domain.instruments.scoring.rows import RowScorer, compile_row_scorer
from app.domain.refusal import Refused
from app.domain.typed_text import trim_text
from app.services.datasets.scoring.answer_table import DELIMITERS, LONG_CELL, AnswerTable, AnswerTableRow
from app.services.datasets.scoring.item_columns import ItemColumns
from app.services.datasets.scoring.score_report import LONG, RAGGED, ScoreReport


@dataclass(frozen=True, slots=True)
class ScoredFileCounts:
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
    by_columns: bool = True,
    report: TextIO | None = None,
) -> ScoredFileCounts:
    """Copies the table in `source` to `target` with the instrument's scores and `flags` added.

    Every line after the header becomes one row, unless `allow_line_breaks` lets a quoted cell go over more
    than one. An empty cell, or one that holds a code of `missing`, is a missing answer; a cell out of range
    or unreadable counts as missing, stays in the output as it came, and its item is named in `flags`. The
    output is the same without `by_columns`, by which rows are scored together where that can be. `report`
    takes what a statistician checks of the file. Open all with newline="" and encoding utf-8. Raises Refused
    for a file that is not such a table: "no_header", "missing_columns", "duplicate_columns",
    "reserved_columns" or what `AnswerTable.read_batch` raises; for "missing_is_answer" and
    "nothing_to_score"; `target` may by then hold some rows.
    """
    scorer = compile_row_scorer(instrument)
    codes = frozenset(missing)
    _check_missing(instrument.items, codes)
    table = AnswerTable(source, [item.code for item in instrument.items], allow_line_breaks)
    header = table.read_header()
    places = _places(header, instrument, scorer, table)
    csv.writer(target, delimiter=table.delimiter, lineterminator="\n").writerow(
        [*header, *scorer.columns, FLAGS_COLUMN]
    )
    checked = ScoreReport(instrument, scorer.columns, codes) if report else None
    rows = _SingleRows(scorer, table, places, len(header), codes, checked)
    together = _put_together(instrument, places, len(header), table.delimiter, codes) if by_columns else None
    while batch := table.read_batch():
        target.write("".join(_score_batch(batch, rows, together)))
    tally = ScoredFileCounts(table.lines, rows.count, rows.flagged)
    if report and checked:
        checked.write(report, tally.lines, tally.rows, tally.flagged, table.delimiter)
    return tally


class _SingleRows:
    """Scores rows one by one, and counts all."""

    def __init__(
        self,
        scorer: RowScorer,
        table: AnswerTable,
        places: Sequence[int],
        width: int,
        codes: Collection[str],
        report: ScoreReport | None,
    ) -> None:
        self.count = self.flagged = 0
        self.report = report
        self._scorer = scorer
        self._table = table
        self._places = places
        self._width = width
        self._codes = codes
        self._written: list[str] = []
        sink = _LineSink(self._written.append)
        self._plain = csv.writer(sink, delimiter=table.delimiter, lineterminator="\n")
        # Python leaves a lone carriage return unquoted, and a reader takes it for the end of the row.
        self._quoting = csv.writer(
            sink, delimiter=table.delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL
        )

    def score_row(self, read: str | AnswerTableRow) -> str:
        """The row with its scores, and with the delimiter that it was read with."""
        row, lines, length = self._table.row_of(read) if isinstance(read, str) else read
        cells = None
        if len(row) == self._width:
            cells = _without_codes([row[index] for index in self._places], self._codes)
            texts, flags = self._scorer.score_row(cells)
        else:
            row = [*row[: self._width], *[""] * (self._width - len(row))]
            texts, flags = [""] * len(self._scorer.columns), (RAGGED,)
        if length > LONG_CELL and max(map(len, row)) > LONG_CELL:
            flags = (*flags, LONG)
        writer = self._quoting if lines > 1 else self._plain
        writer.writerow([*row, *texts, " ".join(flags)])
        self.count += 1
        self.flagged += bool(flags)
        if self.report:
            self.report.add_row(cells, texts, flags)
        return self._written.pop()


class _LineSink(NamedTuple):
    """Takes the lines that a writer makes."""

    write: Callable[[str], object]


class _Together(NamedTuple):
    """What scores rows together; `end` is what ends a row without flags."""

    scorer: ColumnScorer
    columns: ItemColumns
    end: str


def _put_together(
    instrument: Instrument, places: Sequence[int], width: int, delimiter: str, codes: Collection[str]
) -> _Together | None:
    """None where rows must be scored by themselves; an empty line is no row of one empty cell."""
    scorer = compile_column_scorer(instrument, codes, delimiter)
    if scorer is None or width == 1:
        return None
    return _Together(scorer, ItemColumns(places, width, delimiter, codes), f"{delimiter}\n")


def _score_batch(
    batch: Sequence[str | AnswerTableRow], rows: _SingleRows, together: _Together | None
) -> list[str]:
    """The scored rows in their order: those together that can be, the others by themselves."""
    lines = [row.rstrip("\r\n") for row in batch if isinstance(row, str)]
    if together is None or not lines:
        return [rows.score_row(row) for row in batch]
    columns, odd = together.columns.read(lines)
    odd |= together.scorer.find_doubted_rows(columns)
    texts = together.scorer.format_scores(columns)
    joined = list(map("".join, zip(lines, *texts, repeat(together.end))))
    rows.count += len(lines) - len(odd)
    if rows.report:
        rows.report.add_columns(columns, texts, odd)
    if not odd and len(lines) == len(batch):
        return joined
    scored, line = [], 0
    for row in batch:
        alone = not isinstance(row, str)
        scored.append(rows.score_row(row) if alone or line in odd else joined[line])
        line += not alone
    return scored


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


def _without_codes(cells: Sequence[str], codes: Collection[str]) -> Sequence[str]:
    if not codes:
        return cells
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
    places = {name: index for index, name in enumerate(names)}
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
