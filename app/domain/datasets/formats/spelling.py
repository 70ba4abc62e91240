"""What every format has in common: how a file begins and goes on, and how a cell is spelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from app.domain.datasets.tables import Column, DatasetRow, DatasetTable, DatasetValue

REPEATED = 1 << 14
"""Texts whose spelling a format remembers: codes, labels and days come again and again."""


class CellTooWide(ValueError):
    """A text is longer than a file of this format has room for in its column."""


@dataclass(frozen=True, slots=True)
class FileContext:
    """What a file says of itself beside its records: study, cut, its instant, and program version."""

    study: str
    cut: str
    at: datetime
    app_version: str
    with_mark: bool = False


class DatasetFormat(Protocol):
    """A format as three pieces. Every record has the same columns, in the order of `columns`."""

    @property
    def suffix(self) -> str:
        """How files of this format end."""
        ...

    def write_head(self, context: FileContext, table: DatasetTable, columns: Sequence[Column]) -> bytes:
        """What stands before the first record."""
        ...

    def write_record(self, columns: Sequence[Column], row: DatasetRow, number: int) -> bytes:
        """One record; `number` counts from 1. Raises CellTooWide where a column has a width."""
        ...

    def write_tail(self, columns: Sequence[Column], records: int) -> bytes:
        """What stands behind the last record."""
        ...


def format_cell(value: DatasetValue) -> str:
    """A cell as text: ISO dates, decimals with a point, nothing for what is missing."""
    if value is None:
        return ""
    return format_decimal(value) if isinstance(value, Decimal) else str(value)


def format_decimal(value: Decimal) -> str:
    """A decimal without an exponent and without zeros behind its last digit."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
