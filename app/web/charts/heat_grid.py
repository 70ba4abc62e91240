"""A grid of cells whose shade says how much: rows by columns, each cell with a link of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

CELL, PITCH = 26, 28
_MARGIN, _TOP = 34, 18


class HeatEntry(NamedTuple):
    """What a cell shows: its shade as a class (`s0` to `s3`, `gone`), a few signs, address and subject."""

    column: int
    row: int
    shade: str
    text: str
    url: str
    about: object = None


class HeatCell(NamedTuple):
    """An entry at its place."""

    x: int
    y: int
    entry: HeatEntry


class GridLabel(NamedTuple):
    """A name beside a row or above a column."""

    x: int
    y: int
    text: str


@dataclass(frozen=True, slots=True)
class HeatGrid:
    """A grid as it is drawn."""

    width: int
    height: int
    cell: int
    cells: tuple[HeatCell, ...]
    columns: tuple[GridLabel, ...]
    rows: tuple[GridLabel, ...]


def draw_heat(entries: Sequence[HeatEntry], columns: Sequence[str], rows: Sequence[str]) -> HeatGrid:
    """The entries at their columns and rows, which are named."""
    middle = CELL // 2
    return HeatGrid(
        width=_MARGIN + len(columns) * PITCH,
        height=_TOP + len(rows) * PITCH,
        cell=CELL,
        cells=tuple(
            HeatCell(_MARGIN + entry.column * PITCH, _TOP + entry.row * PITCH, entry) for entry in entries
        ),
        columns=tuple(
            GridLabel(_MARGIN + index * PITCH + middle, _TOP - 5, text) for index, text in enumerate(columns)
        ),
        rows=tuple(
            GridLabel(_MARGIN - 6, _TOP + index * PITCH + middle + 4, text) for index, text in enumerate(rows)
        ),
    )
