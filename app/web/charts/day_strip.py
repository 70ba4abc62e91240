"""A strip of days: one narrow cell a day with its shade and its digit, drawn in a path for each shade."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DAY_CELL, DAY_PITCH, STRIP_HEIGHT = 13, 14, 18
SHADES = ("0", "1", "2", "3")


@dataclass(frozen=True, slots=True)
class StripDay:
    """One day: the shade of its cell ("" for none) and the digits in it."""

    shade: str
    digits: str


@dataclass(frozen=True, slots=True)
class StripDigits:
    """Digits of cells alike in shade: the single ones in a row at their places, and where tens stand."""

    shade: str
    digits: str
    places: str
    tens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DayStrip:
    """A strip as it is drawn: by shade the path of its cells and their digits; crosses at missed days."""

    width: int
    height: int
    cell: int
    paths: Mapping[str, str]
    digits: tuple[StripDigits, ...]
    missed: str


def draw_strip(days: Sequence[StripDay | None]) -> DayStrip:
    """The days in their order; None stands for a day that was missed."""
    known = [(index, day) for index, day in enumerate(days) if day is not None]
    middle = STRIP_HEIGHT // 2
    return DayStrip(
        width=max(len(days) * DAY_PITCH, DAY_PITCH),
        height=STRIP_HEIGHT,
        cell=DAY_CELL,
        paths={shade: path for shade in SHADES if (path := _cells(known, shade))},
        digits=tuple(
            _digits(known, shade) for shade in SHADES if any(day.shade == shade for _p, day in known)
        ),
        missed="".join(
            f"M{_centre(index) - 3} {middle - 3}l6 6m0-6l-6 6"
            for index, day in enumerate(days)
            if day is None
        ),
    )


def _centre(index: int) -> int:
    return index * DAY_PITCH + DAY_CELL // 2


def _cells(known: Sequence[tuple[int, StripDay]], shade: str) -> str:
    cells = (index for index, day in known if day.shade == shade)
    return "".join(f"M{index * DAY_PITCH} 1h{DAY_CELL}v{STRIP_HEIGHT - 2}h-{DAY_CELL}z" for index in cells)


def _digits(known: Sequence[tuple[int, StripDay]], shade: str) -> StripDigits:
    alike = [(index, day.digits) for index, day in known if day.shade == shade]
    single = [(index, digits) for index, digits in alike if len(digits) == 1]
    return StripDigits(
        shade=shade,
        digits="".join(digits for _index, digits in single),
        places=" ".join(str(_centre(index)) for index, _digits in single),
        tens=tuple(_centre(index) for index, digits in alike if len(digits) > 1),
    )
