"""How a dataset is described: its columns with their labels, types, lengths and where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

DatasetValue: TypeAlias = str | int | Decimal | date | None
"""What stands in a cell: text, a whole number, a decimal as it is printed, a day, or nothing."""
DatasetRow: TypeAlias = Mapping[str, DatasetValue]
"""The cells of a record by their columns; a column that is not named is empty."""


class ColumnKind(StrEnum):
    """What a column holds."""

    text = "text"
    integer = "integer"
    decimal = "decimal"
    date = "date"


class ColumnOrigin(StrEnum):
    """Where the values of a column come from, as define.xml calls it."""

    collected = "Collected"
    derived = "Derived"
    assigned = "Assigned"
    protocol = "Protocol"


@dataclass(frozen=True, slots=True)
class Column:
    """One variable: at most eight characters, a label of at most forty, and for text its longest length."""

    name: str
    label: str
    kind: ColumnKind
    length: int
    origin: ColumnOrigin
    comment: str


@dataclass(frozen=True, slots=True)
class DatasetTable:
    """One dataset. `structure` says what a record is, `keys` by which columns one is found.

    `group` is SDTM's or ADaM's class. `arm_columns` are left out for whoever may not see the arm.
    """

    name: str
    label: str
    group: str
    structure: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    arm_columns: frozenset[str] = frozenset()

    def seen_columns(self, sees_arm: bool) -> tuple[Column, ...]:
        """The columns that this reader gets."""
        return tuple(column for column in self.columns if sees_arm or column.name not in self.arm_columns)


_ORIGINS = {
    "C": ColumnOrigin.collected,
    "D": ColumnOrigin.derived,
    "A": ColumnOrigin.assigned,
    "P": ColumnOrigin.protocol,
}


def describe_columns(lines: str) -> tuple[Column, ...]:
    """Columns from lines such as `QSSEQ | integer | A | Sequence Number | how it is made`.

    A text column has its length behind its kind: `text:40`. The comment may be left out.
    """
    return tuple(_column(line) for line in lines.strip().splitlines())


def _column(line: str) -> Column:
    name, kind, origin, label, *comment = (part.strip() for part in line.split("|"))
    kind, _, length = kind.partition(":")
    return Column(
        name=name,
        label=label,
        kind=ColumnKind(kind),
        length=int(length or 8),
        origin=_ORIGINS[origin],
        comment=comment[0] if comment else "",
    )
