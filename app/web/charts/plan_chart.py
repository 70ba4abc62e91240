"""A plan on an axis of weeks: a lane for each visit or diary phase, in groups that share their anchor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from app.web.charts.scales import PlotBox, format_position, round_position

PLAN_WIDTH = 960
_LABEL, _LANE, _BAR, _HEAD, _TOP = 210, 24, 10, 20, 20
_WEEK = 7
_STEPS = (1, 2, 4, 8, 13, 26, 52)
_MOST_TICKS = 16
_LEAST, _APART = 2, 4
"""The narrowest bar, and the least distance at which marks can be told apart."""


@dataclass(frozen=True, slots=True)
class DrawnSpan:
    """A window to draw in days from its anchor, and the days of its reminders."""

    opens: int
    target: int
    closes: int
    reminders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DrawnLane:
    """What stands in one lane: its name, and its windows in order of time."""

    name: str
    spans: tuple[DrawnSpan, ...]


@dataclass(frozen=True, slots=True)
class DrawnGroup:
    """The lanes that are counted from one anchor."""

    anchor: str
    lanes: tuple[DrawnLane, ...]


@dataclass(frozen=True, slots=True)
class PlanLane:
    """A lane at its place: paths of the bars, the target days and the reminders."""

    name: str
    y: int
    bars: str
    targets: str
    reminders: str


@dataclass(frozen=True, slots=True)
class PlanGroup:
    """A group at its place, with the line of its anchor."""

    anchor: str
    top: int
    height: int
    lanes: tuple[PlanLane, ...]


@dataclass(frozen=True, slots=True)
class WeekMark:
    """A week of the axis."""

    x: float
    week: int


@dataclass(frozen=True, slots=True)
class PlanChart:
    """A plan as it is drawn; `zero` is where every anchor stands."""

    width: int
    height: int
    label: int
    zero: float
    weeks: tuple[WeekMark, ...]
    groups: tuple[PlanGroup, ...]


def draw_plan(groups: Sequence[DrawnGroup]) -> PlanChart | None:
    """The lanes, group below group, all on one axis whose week 0 is the anchor; None where no window is."""
    spans = [span for group in groups for lane in group.lanes for span in lane.spans]
    if not spans:
        return None
    first = min(0, *(span.opens // _WEEK for span in spans))
    last = max(span.closes // _WEEK + 1 for span in spans)
    axis = _Axis(first * _WEEK, last * _WEEK, PlotBox(_LABEL, _TOP, PLAN_WIDTH - _LABEL - 16, 0))
    placed = tuple(_position_groups(groups, axis))
    step = next((step for step in _STEPS if (last - first) / step <= _MOST_TICKS), _STEPS[-1])
    weeks = [week for week in range(first, last + 1) if week % step == 0]
    return PlanChart(
        width=PLAN_WIDTH,
        height=placed[-1].top + placed[-1].height,
        label=_LABEL,
        zero=axis.find_x(0),
        weeks=tuple(WeekMark(axis.find_x(week * _WEEK), week) for week in weeks),
        groups=placed,
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    """Days from an anchor as places; a day begins at its number."""

    first: int
    last: int
    box: PlotBox

    def find_x(self, day: int | Fraction) -> float:
        share = Fraction(day - self.first) / (self.last - self.first)
        return round_position(self.box.left + share * self.box.width)


def _position_groups(groups: Sequence[DrawnGroup], axis: _Axis) -> Iterator[PlanGroup]:
    top = _TOP
    for group in groups:
        lanes = tuple(
            _position_lane(lane, axis, top + _HEAD + number * _LANE)
            for number, lane in enumerate(group.lanes)
        )
        height = _HEAD + len(lanes) * _LANE
        yield PlanGroup(group.anchor, top, height, lanes)
        top += height


def _position_lane(lane: DrawnLane, axis: _Axis, y: int) -> PlanLane:
    bars, targets, reminders = "", "", ""
    for run in _join(lane.spans):
        start, end = axis.find_x(run[0].opens), axis.find_x(max(run_span.closes for run_span in run) + 1)
        width = format_position(max(round(end - start, 1), _LEAST))
        bars += f"M{format_position(start)} {y}h{width}v{_BAR}h-{width}z"
        half = Fraction(1, 2)
        goals = _spread_marks([axis.find_x(run_span.target + half) for run_span in run])
        bells = _spread_marks(
            sorted({axis.find_x(day + half) for run_span in run for day in run_span.reminders})
        )
        targets += "".join(f"M{format_position(x)} {y}v{_BAR}" for x in goals)
        reminders += "".join(f"M{format_position(x)} {y + _BAR + 2}v4" for x in bells)
    return PlanLane(lane.name, y, bars, targets, reminders)


def _join(spans: Sequence[DrawnSpan]) -> Iterator[Sequence[DrawnSpan]]:
    """Windows that touch or cover one another are one bar."""
    run: list[DrawnSpan] = []
    for span in spans:
        if run and span.opens > max(run_span.closes for run_span in run) + 1:
            yield run
            run = []
        run.append(span)
    if run:
        yield run


def _spread_marks(places: Sequence[float]) -> Sequence[float]:
    """The marks of one bar; where they would run together the first and the last of them alone."""
    crowded = any(later - earlier < _APART for earlier, later in pairwise(places))
    return [places[0], places[-1]] if crowded else places
