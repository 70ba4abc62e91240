"""CSV as RFC 4180 has it: UTF-8, a point in decimals, ISO dates, an empty cell for what is missing."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from app.domain.datasets.formats.spelling import REPEATED, FileContext, format_cell
from app.domain.datasets.tables import Column, DatasetRow, DatasetTable, DatasetValue
from app.domain.spreadsheets import MARK, safe_cell

_DURATION = re.compile(r"-P[0-9]+[DWMY]")
"""A recall such as `-P1W`: a code of CDISC, and no formula."""


class CsvFormat:
    """CSV: one line for each record, the names of the columns first; no text is taken for a formula."""

    suffix = "csv"

    def write_head(self, context: FileContext, _table: DatasetTable, columns: Sequence[Column]) -> bytes:
        """The names of the columns, behind a mark where spreadsheets are to know UTF-8."""
        return ((MARK if context.with_mark else "") + csv_line(column.name for column in columns)).encode()

    def write_record(self, columns: Sequence[Column], row: DatasetRow, _number: int) -> bytes:
        """One line."""
        return csv_line(_cell(row.get(column.name)) for column in columns).encode()

    def write_tail(self, _columns: Sequence[Column], _records: int) -> bytes:
        """Nothing."""
        return b""


def csv_line(cells: Iterable[str]) -> str:
    """One line of a file, with its end."""
    line = io.StringIO()
    csv.writer(line).writerow(list(cells))
    return line.getvalue()


def _cell(value: DatasetValue) -> str:
    """Numbers and dates as they are; a text that a spreadsheet would calculate as text."""
    return _disarmed(value) if isinstance(value, str) else format_cell(value)


@lru_cache(maxsize=REPEATED)
def _disarmed(text: str) -> str:
    return text if _DURATION.fullmatch(text) else str(safe_cell(text))
