"""SAS transport files, version 5 (XPT): what agencies take, written as TS-140 describes them.

Only ASCII and at most 200 bytes a cell: what is neither is left empty here and stands in the other formats.
Numbers are IBM's doubles, which hold every IEEE double exactly. The file's times are the cut's instant.
"""

import math
import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache

from app.domain.datasets.formats.spelling import REPEATED, CellTooWide, FileContext, format_cell
from app.domain.datasets.tables import Column, ColumnKind, DatasetRow, DatasetTable, DatasetValue

CARD = 80
MISSING = b"\x2e" + bytes(7)
"""A number that is not there."""
_EPOCH = date(1960, 1, 1)
_NUMBER, _TEXT = 1, 2
_SYSTEM = b"SAS     SAS     SASLIB  9.4     Daybook " + b" " * 24
_MEMBER = b"SAS     %-8sSASDATA 9.4     Daybook " + b" " * 24
_VARIABLE = struct.Struct(">hhhh8s40s8shhh2s8shhl52s")
_MOST_SAFE = 14
"""Exponents of 16 beyond which no number of a trial lies."""


class TransportFormat:
    """One member in one library, with its label and the labels and formats of its variables."""

    suffix = "xpt"

    def write_head(self, context: FileContext, table: DatasetTable, columns: Sequence[Column]) -> bytes:
        """Headers of library and member, and a description of each variable."""
        stamp = _stamp(context.at)
        variables = b"".join(_describe_all(columns))
        return b"".join(
            (
                _header("LIBRARY HEADER RECORD", "0" * 30),
                _SYSTEM + stamp,
                stamp.ljust(CARD),
                _header("MEMBER  HEADER RECORD", "000000000000000001600000000140"),
                _header("DSCRPTR HEADER RECORD", "0" * 30),
                _MEMBER % table.name.encode() + stamp,
                stamp + b" " * 16 + table.label.encode().ljust(40) + b" " * 8,
                _header("NAMESTR HEADER RECORD", f"000000{len(columns):04d}{'0' * 20}"),
                variables.ljust(-(-len(variables) // CARD) * CARD),
                _header("OBS     HEADER RECORD", "0" * 30),
            )
        )

    def write_record(self, columns: Sequence[Column], row: DatasetRow, _number: int) -> bytes:
        """One record as an observation of fixed width."""
        return b"".join(_cell(column, row.get(column.name)) for column in columns)

    def write_tail(self, columns: Sequence[Column], records: int) -> bytes:
        """Blanks to the end of the last card."""
        length = sum(_width(column) for column in columns) * records
        return b" " * (-length % CARD)


def _header(name: str, rest: str) -> bytes:
    return f"HEADER RECORD*******{name}!!!!!!!{rest}  ".encode()


def _stamp(at: datetime) -> bytes:
    """A moment as `02MAR26:01:30:00`, in UTC."""
    utc = at.astimezone(UTC)
    months = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
    return f"{utc.day:02d}{months[utc.month - 1]}{utc:%y:%H:%M:%S}".encode()


def _width(column: Column) -> int:
    return column.length if column.kind is ColumnKind.text else 8


def _describe_all(columns: Sequence[Column]) -> list[bytes]:
    described, position = [], 0
    for number, column in enumerate(columns, 1):
        kind = _TEXT if column.kind is ColumnKind.text else _NUMBER
        shown = (b"DATE", 9) if column.kind is ColumnKind.date else (b"", 0)
        described.append(
            _VARIABLE.pack(
                kind,
                0,
                _width(column),
                number,
                column.name.encode().ljust(8),
                column.label.encode().ljust(40),
                shown[0].ljust(8),
                shown[1],
                0,
                0,
                bytes(2),
                b" " * 8,
                0,
                0,
                position,
                bytes(52),
            )
        )
        position += _width(column)
    return described


def _cell(column: Column, value: DatasetValue) -> bytes:
    if column.kind is ColumnKind.text:
        return _text(column, value)
    if value is None:
        return MISSING
    number = (value - _EPOCH).days if isinstance(value, date) else float(format_cell(value))
    return ibm_double(number)


def _text(column: Column, value: DatasetValue) -> bytes:
    text = value if isinstance(value, str) else format_cell(value)
    if len(text) > column.length and text.isascii():
        raise CellTooWide(f"{column.name} holds at most {column.length} characters")
    return _padded(text, column.length)


@lru_cache(maxsize=REPEATED)
def _padded(text: str, length: int) -> bytes:
    return text.encode().ljust(length) if text.isascii() else b" " * length


def ibm_double(number: float) -> bytes:
    """A number as an IBM double: sign, exponent of 16, and 56 bits, of which an IEEE double needs 53."""
    if number == 0:
        return bytes(8)
    mantissa, exponent = math.frexp(abs(number))
    sixteens = math.ceil(exponent / 4)
    if abs(sixteens) > _MOST_SAFE:
        raise ValueError("a number of a dataset is never so large or so small")
    bits = int(math.ldexp(mantissa, exponent - 4 * sixteens + 56))
    sign = 0x80 if number < 0 else 0
    return bytes([sign | (sixteens + 64)]) + bits.to_bytes(7, "big")
