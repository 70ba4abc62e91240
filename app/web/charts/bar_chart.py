"""Bars of shares: how many of how many, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.web.charts.scales import PlotBox, round_ratio

_BAR, _GAP = 20, 8
_BOX = PlotBox(4, 16, 0, 60)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its edges, the share it stands for, its name below."""

    x: int
    y: float
    height: float
    count: int
    total: int
    name: str


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars as they are drawn, over a line at `base`."""

    width: int
    height: int
    bar_width: int
    top: int
    base: int
    bars: tuple[Bar, ...]


def draw_bars(shares: Sequence[tuple[str, int, int]]) -> BarChart:
    """A bar for each name with its count of a total; the whole height is all of them."""
    bars = tuple(
        _bar(_BOX.left + index * (_BAR + _GAP), name, count, total)
        for index, (name, count, total) in enumerate(shares)
    )
    width = 2 * _BOX.left + len(shares) * (_BAR + _GAP)
    return BarChart(width, _BOX.bottom + 16, _BAR, _BOX.top, _BOX.bottom, bars)


def _bar(x: int, name: str, count: int, total: int) -> Bar:
    height = round_ratio(min(count, total) * _BOX.height, total) if total else 0.0
    return Bar(x, _BOX.bottom - height, height, count, total, name)
