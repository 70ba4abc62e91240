"""A table of answers as a CSV file: each physical line is one row, or is named in a refusal."""

import csv
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TextIO

from app.domain.refusal import Refused

DELIMITERS: Mapping[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t"}
LONGEST_ROW = 1_000_000
"""Characters of a row. What is longer, or a quotation that does not end, would fill the memory."""
LONG_CELL = 131_072
"""Characters of a cell that other programs may not read, such as Python's own csv module."""

_BYTE_ORDER_MARK = "\ufeff"
_LINE_END = re.compile(rb"\r\n|\r|\n")


class AnswerTable:
    """The rows of a CSV file in order, header first, read one at a time; a blank line is a row without cells.

    The delimiter is the one of `DELIMITERS` that finds the most of the `expected` columns in the first line.
    A row is one physical line, and `lines` counts them, unless `allow_line_breaks` lets a quoted cell go on
    in the next. Open `source` with newline="" and encoding utf-8.
    """

    def __init__(self, source: TextIO, expected: Collection[str], allow_line_breaks: bool) -> None:
        self._source = source
        self._allow_line_breaks = allow_line_breaks
        self.lines = 0
        self.row_lines = 0
        self.row_length = 0
        csv.field_size_limit(LONGEST_ROW)
        self._first = self._read_line().removeprefix(_BYTE_ORDER_MARK)
        self.delimiter_name = _recognise_delimiter(self._first, frozenset(expected))
        self.delimiter = DELIMITERS[self.delimiter_name]

    def read_rows(self) -> Iterator[list[str]]:
        """Yield each row. `row_lines` and `row_length` are those of the newest.

        Raises Refused naming the line: "line_break_in_cell" or "unclosed_quote" with the line in which the
        quotation opens, "bad_csv" for something between a quotation and the delimiter, "line_too_long",
        "not_utf8".
        """
        delimiter, line = self.delimiter, self._first
        while line:
            self.row_lines, self.row_length = 1, len(line)
            if '"' in line:
                yield self._parse_quoted(line)
            else:
                text = line.rstrip("\r\n")
                yield text.split(delimiter) if text else []
            line = self._read_line()

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
            self.row_lines += 1
            self.row_length += len(line)
            if self.row_length > LONGEST_ROW:
                break
            yield line
        raise Refused("unclosed_quote", line=self.lines - len(row) + 1 + _whole_lines(row, self.delimiter))

    def _read_line(self) -> str:
        try:
            line = self._source.readline(LONGEST_ROW + 1)
        except UnicodeDecodeError as error:
            before = len(_LINE_END.findall(error.object, 0, error.start))
            raise Refused("not_utf8", line=self.lines + before + 1, allowed="UTF-8") from error
        self.lines += bool(line)
        if len(line) > LONGEST_ROW:
            raise Refused("line_too_long", line=self.lines, allowed=LONGEST_ROW)
        return line


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
