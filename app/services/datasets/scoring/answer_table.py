"""A table of answers as a CSV file: each physical line is one row, or is named in a refusal."""

import csv
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate, repeat
from typing import NamedTuple, TextIO

from app.domain.refusal import Refused

DELIMITERS: Mapping[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t"}
LONGEST_ROW = 1_000_000
"""Characters of a row. What is longer, or a quotation that does not end, would fill the memory."""
LONG_CELL = 131_072
"""Characters of a cell that other programs may not read, such as Python's own csv module."""

_BATCH_LINES, _BATCH_LENGTH = 2048, 1 << 18
"""Lines and characters that are read ahead, by so many lines at a time, as each may be a long one."""
_LINES_AT_ONCE = 16
_BYTE_ORDER_MARK = "\ufeff"
_LINE_END = re.compile(rb"\r\n|\r|\n")


class AnswerTableRow(NamedTuple):
    """The cells of a row, the physical lines that it takes, and its length in characters."""

    cells: list[str]
    lines: int
    length: int


class AnswerTable:
    """The rows of a CSV file in order, header first; a blank line is a row without cells.

    The delimiter is the one of `DELIMITERS` that finds the most of the `expected` columns in the first line.
    A row is one physical line, and `lines` counts them, unless `allow_line_breaks` lets a quoted cell go on
    in the next. Open `source` with newline="" and encoding utf-8.
    """

    def __init__(self, source: TextIO, expected: Collection[str], allow_line_breaks: bool) -> None:
        self._source = source
        self._allow_line_breaks = allow_line_breaks
        self._ahead: deque[str] = deque()
        self._fault: UnicodeDecodeError | None = None
        self._row_lines = self._row_length = 0
        self.lines = 0
        csv.field_size_limit(LONGEST_ROW)
        self._first = self._read_line().removeprefix(_BYTE_ORDER_MARK)
        self.delimiter_name = _recognise_delimiter(self._first, frozenset(expected))
        self.delimiter = DELIMITERS[self.delimiter_name]

    def read_header(self) -> list[str]:
        """The cells of the first row, to be read first; raises as `read_batch`."""
        return self._row(self._first).cells if self._first else []

    def read_batch(self) -> list[str | AnswerTableRow]:
        """The next rows, none at the end: a short one without quotation marks is still its whole line.

        Raises Refused naming the line: "line_break_in_cell" or "unclosed_quote" with the line in which the
        quotation opens, "bad_csv" for something between a quotation and the delimiter, "line_too_long",
        "not_utf8".
        """
        if not self._ahead:
            self._read_ahead()
        lines = list(self._ahead)
        if '"' not in "".join(lines) and max(map(len, lines), default=0) <= LONG_CELL:
            self._ahead.clear()
            self.lines += len(lines)
            return list(lines)
        batch: list[str | AnswerTableRow] = []
        while self._ahead:
            line = self._read_line()
            batch.append(line if '"' not in line and len(line) <= LONG_CELL else self._row(line))
        return batch

    def row_of(self, line: str) -> AnswerTableRow:
        """The row of a whole line without quotation marks."""
        text = line.rstrip("\r\n")
        return AnswerTableRow(text.split(self.delimiter) if text else [], 1, len(line))

    def _row(self, line: str) -> AnswerTableRow:
        if '"' not in line:
            return self.row_of(line)
        self._row_lines, self._row_length = 1, len(line)
        cells = self._parse_quoted(line)
        return AnswerTableRow(cells, self._row_lines, self._row_length)

    def _parse_quoted(self, line: str) -> list[str]:
        try:
            return next(csv.reader(self._row_from(line), delimiter=self.delimiter, strict=True))
        except csv.Error as error:
            raise Refused("bad_csv", line=self.lines, reason=str(error)) from error

    def _row_from(self, line: str) -> Iterator[str]:
        """Yield the lines of a row to the parser, which asks for another one only within a quotation."""
        row = [line]
        yield line
        while line := self._read_line():
            if not self._allow_line_breaks:
                raise Refused("line_break_in_cell", line=self.lines - 1)
            row.append(line)
            self._row_lines += 1
            self._row_length += len(line)
            if self._row_length > LONGEST_ROW:
                break
            yield line
        raise Refused("unclosed_quote", line=self.lines - len(row) + 1 + _whole_lines(row, self.delimiter))

    def _read_line(self) -> str:
        if not self._ahead:
            self._read_ahead()
        if not self._ahead:
            return ""
        line = self._ahead.popleft()
        self.lines += 1
        if len(line) > LONGEST_ROW:
            raise Refused("line_too_long", line=self.lines, allowed=LONGEST_ROW)
        return line

    def _read_ahead(self) -> None:
        """Read the next lines, up to bytes that are no text, which are told after what is before them."""
        if self._fault is not None:
            raise self._not_utf8(self._fault)
        lines: list[str] = []
        length = 0
        try:
            while len(lines) < _BATCH_LINES and length < _BATCH_LENGTH and (not lines or lines[-1]):
                before = len(lines)
                lines.extend(map(self._source.readline, repeat(LONGEST_ROW + 1, _LINES_AT_ONCE)))
                length += sum(map(len, lines[before:]))
        except UnicodeDecodeError as fault:
            self._fault = fault
        self._ahead.extend(line for line in lines if line)
        if self._fault is not None and not lines:
            raise self._not_utf8(self._fault)

    def _not_utf8(self, fault: UnicodeDecodeError) -> Refused:
        before = len(_LINE_END.findall(fault.object, 0, fault.start))
        refusal = Refused("not_utf8", line=self.lines + before + 1, allowed="UTF-8")
        refusal.__cause__ = fault
        return refusal


def _whole_lines(row: Sequence[str], delimiter: str) -> int:
    """How many lines of a row with an unclosed quotation end before the cell that it opens."""
    cell = rf'"(?:[^"]|"")*+"|[^"{delimiter}][^{delimiter}]*+|'
    whole_cells = next(re.finditer(rf"(?:(?:{cell}){delimiter})*+", "".join(row)))
    return bisect_right(list(accumulate(map(len, row))), whole_cells.end())


def _recognise_delimiter(line: str, expected: Collection[str]) -> str:
    """The name of the delimiter that finds most expected columns in a header, or else most columns."""

    def columns(name: str) -> tuple[int, int]:
        cells = [cell.strip() for cell in next(csv.reader((line,), delimiter=DELIMITERS[name]), [])]
        return sum(cell in expected for cell in cells), len(cells)

    return max(DELIMITERS, key=columns)
