"""Scales of charts: from values to places in a box, exactly, and the ticks of an axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise

ExactNumber = Fraction | int
"""What is drawn; a place is rounded once, to a tenth of a unit of the drawing."""


@dataclass(frozen=True, slots=True)
class PlotBox:
    """The part of a drawing in which marks stand; `left` and `top` are its nearest corner."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The far edge."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The lower edge."""
        return self.top + self.height


def round_position(position: ExactNumber) -> float:
    """A place as it is written, in tenths."""
    return round(Fraction(position) * 10) / 10


def round_ratio(position: int, parts: int) -> float:
    """Round a place divided by so many parts, in whole numbers: a page has a hundred of these."""
    tenths, rest = divmod(position * 10, parts)
    return (tenths + (2 * rest + tenths % 2 > parts)) / 10


def format_position(position: float) -> str:
    """A place in as few signs as it needs."""
    return f"{position:g}"


def scale_value(value: ExactNumber, low: ExactNumber, high: ExactNumber, box: PlotBox) -> float:
    """How far down a value stands: `high` at the top, `low` at the bottom; what is beyond is at the edge."""
    share = Fraction(value - low) / Fraction(high - low)
    return round_position(box.bottom - min(max(share, Fraction(0)), Fraction(1)) * box.height)


def scale_step(step: ExactNumber, steps: int, box: PlotBox) -> float:
    """How far along a step stands, of so many that are spread evenly; a single one is in the middle."""
    share = Fraction(step) / (steps - 1) if steps > 1 else Fraction(1, 2)
    return round_position(box.left + min(max(share, Fraction(0)), Fraction(1)) * box.width)


def scale_day(day: date, first: date, last: date, box: PlotBox) -> float:
    """How far along a day stands between two days; days beyond them are at the edges."""
    days = max((last - first).days, 1)
    along = min(max((day - first).days, 0), days)
    return round_ratio(box.left * days + along * box.width, days)


def choose_ticks(low: int, high: int, most: int = 3) -> tuple[int, ...]:
    """Whole numbers at equal distances, both ends among them: as many as divide the range, `most` at most."""
    parts = next(count for count in range(most - 1, 0, -1) if (high - low) % count == 0)
    step = (high - low) // parts
    return tuple(low + step * count for count in range(parts + 1))


def find_step_of_day(days: Sequence[date], day: date) -> Fraction | None:
    """Where a day falls among steps that stand at these days, in order; None where it is outside of them."""
    for step, (earlier, later) in enumerate(pairwise(days)):
        if earlier <= day <= later and earlier < later:
            return step + Fraction((day - earlier).days, (later - earlier).days)
    return Fraction(0) if days and day == days[0] else None
