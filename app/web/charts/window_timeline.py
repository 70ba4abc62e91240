"""Windows on a line of time: when each may be filled in, its target day, and today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.web.charts.scales import PlotBox, scale_day

TIMELINE_WIDTH = 960
_LANE, _BAR, _TOP = 34, 12, 22
_LEAST, _LABEL = 6, 48
_MONTHS = (1, 2, 3, 6, 12)
_MOST_LABELS = 14


@dataclass(frozen=True, slots=True)
class DrawnWindow:
    """A window to draw: its name, its state as a code, its days, and when it was answered, if it was."""

    name: str
    state: str
    opens_on: date
    target_on: date
    closes_on: date


@dataclass(frozen=True, slots=True)
class WindowBar:
    """A window at its place: lane by lane, so that none covers another."""

    window: DrawnWindow
    x: float
    width: float
    target: float
    y: int


@dataclass(frozen=True, slots=True)
class MonthMark:
    """The first day of a month on the line."""

    x: float
    day: date

    @property
    def name(self) -> str:
        """The month in figures, alike in every language."""
        return self.day.isoformat()[:7]


@dataclass(frozen=True, slots=True)
class WindowTimeline:
    """Windows as they are drawn; `today` is None where it lies beyond them."""

    width: int
    height: int
    bar: int
    bars: tuple[WindowBar, ...]
    months: tuple[MonthMark, ...]
    events: tuple[tuple[float, str], ...]
    today: float | None


def draw_windows(
    windows: Sequence[DrawnWindow], today: date, events: Sequence[tuple[date, str]] = ()
) -> WindowTimeline | None:
    """The windows between the first day and the last of them; None where there is none to draw."""
    if not windows:
        return None
    first = min([window.opens_on for window in windows] + [day for day, _name in events])
    last = max([window.closes_on for window in windows] + [day for day, _name in events]) + timedelta(days=1)
    box = PlotBox(8, _TOP, TIMELINE_WIDTH - 16 - _LABEL, 0)
    bars, lanes = _position_bars(windows, first, last, box)
    return WindowTimeline(
        width=TIMELINE_WIDTH,
        height=_TOP + lanes * _LANE + 4,
        bar=_BAR,
        bars=bars,
        months=_months(first, last, box),
        events=tuple((scale_day(day, first, last, box), name) for day, name in events),
        today=scale_day(today, first, last, box) if first <= today <= last else None,
    )


def _position_bars(
    windows: Sequence[DrawnWindow], first: date, last: date, box: PlotBox
) -> tuple[tuple[WindowBar, ...], int]:
    """Each bar in the first lane in which it, and its name, cover no other."""
    ends: list[float] = []
    bars = []
    for window in sorted(windows, key=lambda span: (span.opens_on, span.closes_on)):
        x = scale_day(window.opens_on, first, last, box)
        until = scale_day(window.closes_on + timedelta(days=1), first, last, box)
        width = max(round(until - x, 1), _LEAST)
        x = min(x, box.right - width)
        lane = next((index for index, end in enumerate(ends) if end <= x), len(ends))
        if lane == len(ends):
            ends.append(0)
        ends[lane] = x + max(width, _LABEL)
        target = min(max(scale_day(window.target_on, first, last, box), x), x + width)
        bars.append(WindowBar(window, x, width, target, _TOP + lane * _LANE))
    return tuple(bars), len(ends)


def _months(first: date, last: date, box: PlotBox) -> tuple[MonthMark, ...]:
    """Firsts of months at equal distances, few enough to be read."""
    span = (last.year - first.year) * 12 + last.month - first.month + 1
    step = next((count for count in _MONTHS if span / count <= _MOST_LABELS), _MONTHS[-1])
    days = (
        date(first.year + (first.month - 1 + count) // 12, (first.month - 1 + count) % 12 + 1, 1)
        for count in range(span)
        if (first.month - 1 + count) % step == 0
    )
    return tuple(MonthMark(scale_day(day, first, last, box), day) for day in days if first <= day <= last)
