"""Files for spreadsheets: UTF-8 with a mark, and no cell that a spreadsheet would take for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from app.domain.records.audit import format_instant

SheetCell = str | int | date | datetime | None
"""A moment or a day stands in it as it is: every file writes them in the same way."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula begins with, at half and at full width, as spreadsheets in Chinese read both."""
MARK = "\ufeff"
"""By which spreadsheets know UTF-8."""


def safe_cell(cell: SheetCell) -> str | int:
    """The cell; a text that a spreadsheet would calculate gets an apostrophe before it, as text.

    So does one that has apostrophes before such a sign already: of such a cell one apostrophe is always too
    many, and no two texts become the same.
    """
    if cell is None:
        return ""
    if isinstance(cell, int):
        return cell
    if isinstance(cell, date):
        return format_instant(cell) if isinstance(cell, datetime) else cell.isoformat()
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA) else cell


def write_csv(heads: Sequence[str], rows: Iterable[Sequence[SheetCell]]) -> str:
    """The lines of a file, heads first."""
    return MARK + write_lines([heads, *rows])


def write_lines(rows: Iterable[Sequence[SheetCell]]) -> str:
    """Lines of a file that was begun: with the mark and its heads."""
    text = io.StringIO()
    csv.writer(text).writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue()
