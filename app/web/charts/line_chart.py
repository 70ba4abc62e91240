"""A line with gaps: small, of a fixed range, and never drawn across what is not known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from app.web.charts.scales import PlotBox, choose_ticks, format_position, scale_step, scale_value

LINE_WIDTH, LINE_HEIGHT = 200, 96
_BOX = PlotBox(24, 8, 168, 68)


@dataclass(frozen=True, slots=True)
class Reading:
    """One step of a line: its value, or why there is none: missed, or simply nothing to show."""

    value: Fraction | None
    missed: bool = False


@dataclass(frozen=True, slots=True)
class AxisTick:
    """A number at an axis and how far down it stands."""

    text: str
    y: float


@dataclass(frozen=True, slots=True)
class EventMark:
    """A vertical line for something dated, and its name."""

    x: float
    name: str


@dataclass(frozen=True, slots=True)
class ThresholdBand:
    """The part of the range beyond a threshold: its upper edge and height, and where the threshold stands."""

    top: float
    height: float
    y: float


@dataclass(frozen=True, slots=True)
class LineChart:
    """A line as it is drawn: `runs` are its unbroken stretches; `beyond` lie past a threshold."""

    width: int
    height: int
    box: PlotBox
    ticks: tuple[AxisTick, ...]
    runs: tuple[tuple[tuple[float, float], ...], ...]
    beyond: tuple[tuple[float, float], ...]
    missed: tuple[float, ...]
    events: tuple[EventMark, ...]
    band: ThresholdBand | None
    ends: tuple[str, str]

    @property
    def line(self) -> str:
        """The path of the line; every run begins anew."""
        return "".join("M" + "L".join(_pair(spot) for spot in run) for run in self.runs if len(run) > 1)

    @property
    def dots(self) -> str:
        """A path of points, which round ends of its stroke make dots."""
        spots = (spot for run in self.runs for spot in run if spot not in self.beyond)
        return "".join(f"M{_pair(spot)}h0" for spot in spots)

    @property
    def diamonds(self) -> str:
        """The points beyond the threshold."""
        return "".join(f"M{_pair((x, y - 4))}l4 4-4 4-4-4z" for x, y in self.beyond)

    @property
    def crosses(self) -> str:
        """A cross at the lower edge for each that was missed."""
        return "".join(f"M{_pair((x - 3, self.box.bottom - 6))}l6 6m0-6l-6 6" for x in self.missed)


def draw_line(
    readings: Sequence[Reading],
    span: tuple[int, int],
    events: Sequence[tuple[Fraction, str]] = (),
    threshold: tuple[Fraction, bool] | None = None,
    ends: tuple[str, str] = ("", ""),
    *,
    turned: bool = False,
) -> LineChart:
    """The line of these readings at equal distances, in the fixed range `span`.

    `events` stand at steps of their own; `threshold` is a value and whether what is above it is beyond.
    `turned`: the least value stands at the top; every number at the axis is still its own.
    """
    scale = _Scale(*span, turned)
    runs = tuple(_runs(readings, scale))
    return LineChart(
        width=LINE_WIDTH,
        height=LINE_HEIGHT,
        box=_BOX,
        ticks=tuple(AxisTick(str(tick), scale.find_height(Fraction(tick))) for tick in choose_ticks(*span)),
        runs=runs,
        beyond=tuple(_beyond(readings, scale, threshold)) if threshold else (),
        missed=tuple(
            scale_step(step, len(readings), _BOX) for step, reading in enumerate(readings) if reading.missed
        ),
        events=tuple(EventMark(scale_step(step, len(readings), _BOX), name) for step, name in events),
        band=_band(scale, threshold) if threshold else None,
        ends=ends,
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """A range, and whether it is drawn upside down."""

    low: int
    high: int
    turned: bool

    def find_height(self, value: Fraction) -> float:
        """How far down a value stands."""
        return scale_value(self.low + self.high - value if self.turned else value, self.low, self.high, _BOX)


def _spot(step: int, value: Fraction, steps: int, scale: _Scale) -> tuple[float, float]:
    return scale_step(step, steps, _BOX), scale.find_height(value)


def _runs(readings: Sequence[Reading], scale: _Scale) -> Iterator[tuple[tuple[float, float], ...]]:
    for known, run in groupby(enumerate(readings), key=lambda numbered: numbered[1].value is not None):
        if known:
            yield tuple(
                _spot(step, reading.value, len(readings), scale)
                for step, reading in run
                if reading.value is not None
            )


def _beyond(
    readings: Sequence[Reading], scale: _Scale, threshold: tuple[Fraction, bool]
) -> Iterator[tuple[float, float]]:
    limit, above = threshold
    for step, reading in enumerate(readings):
        if reading.value is not None and (reading.value > limit if above else reading.value < limit):
            yield _spot(step, reading.value, len(readings), scale)


def _band(scale: _Scale, threshold: tuple[Fraction, bool]) -> ThresholdBand:
    limit, above = threshold
    y = scale.find_height(limit)
    is_upper = above is not scale.turned
    return ThresholdBand(_BOX.top, y - _BOX.top, y) if is_upper else ThresholdBand(y, _BOX.bottom - y, y)


def _pair(spot: tuple[float, float]) -> str:
    return f"{format_position(spot[0])} {format_position(spot[1])}"
