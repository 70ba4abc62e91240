"""Charts are right by what they hold: points inside the box, gaps never joined, sound ticks, few bytes."""

import gzip
import re
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.charts.bar_chart import draw_bars
from app.web.charts.day_strip import DAY_PITCH, StripDay, draw_strip
from app.web.charts.heat_grid import HeatEntry, draw_heat
from app.web.charts.line_chart import LineChart, Reading, draw_line
from app.web.charts.plan_chart import DrawnGroup, DrawnLane, DrawnSpan, draw_plan
from app.web.charts.scales import choose_ticks, find_step_of_day
from app.web.charts.window_timeline import DrawnWindow, draw_windows
from tests.compiled_templates import shipped_pages

DAY = date(2026, 3, 2)
PAGES = shipped_pages()
values = st.fractions(min_value=-20, max_value=120, max_denominator=60)
readings = st.lists(
    st.one_of(values.map(Reading), st.booleans().map(lambda missed: Reading(None, missed))), max_size=30
)


def drawn(macro: str, chart: object) -> str:
    text = f"{{% from 'ui/charts.html' import {macro} %}}{{{{ {macro}(chart=chart, label='Words.') }}}}"
    return PAGES.environments["en"].from_string(text).render(chart=chart)


def line(*numbers: int | None) -> LineChart:
    return draw_line([Reading(None if each is None else Fraction(each)) for each in numbers], (0, 100))


@given(readings)
def test_every_point_stands_inside_the_box(steps: Sequence[Reading]) -> None:
    chart = draw_line(steps, (0, 100), [(Fraction(1, 2), "Randomisation")], (Fraction(50), True))
    box = chart.box
    spots = [spot for run in chart.runs for spot in run]
    assert all(box.left <= x <= box.right and box.top <= y <= box.bottom for x, y in spots)
    assert all(box.left <= x <= box.right for x in (*chart.missed, *(mark.x for mark in chart.events)))
    assert set(chart.beyond) <= set(spots)
    assert box.right <= chart.width
    assert box.bottom <= chart.height


@given(readings)
def test_a_gap_is_never_joined(steps: Sequence[Reading]) -> None:
    chart = draw_line(steps, (0, 100))
    known = "".join("x" if each.value is not None else " " for each in steps)
    assert [len(run) for run in chart.runs] == [len(run) for run in known.split()]
    assert chart.line.count("M") == len([run for run in known.split() if len(run) > 1])
    assert len(chart.missed) == sum(each.missed for each in steps)
    assert chart.crosses.count("l6 6") == len(chart.missed)


@given(st.lists(values.map(Reading), min_size=2, max_size=20))
def test_a_greater_value_never_stands_lower(steps: Sequence[Reading]) -> None:
    (run,) = draw_line(steps, (0, 100)).runs
    for (one, (x, y)), (other, (next_x, next_y)) in pairwise(zip(steps, run, strict=True)):
        assert x < next_x
        assert (y >= next_y) or (one.value or 0) > (other.value or 0)


@given(st.integers(-50, 50), st.integers(1, 200), st.integers(2, 6))
def test_ticks_are_sound(low: int, span: int, most: int) -> None:
    ticks = choose_ticks(low, low + span, most)
    assert (ticks[0], ticks[-1]) == (low, low + span)
    assert len({later - earlier for earlier, later in pairwise(ticks)}) == 1
    assert 2 <= len(ticks) <= most


def test_the_usual_ranges_have_three_ticks() -> None:
    assert choose_ticks(0, 100) == (0, 50, 100)
    assert choose_ticks(0, 10) == (0, 5, 10)


def test_beyond_a_threshold_is_said_by_the_mark() -> None:
    steps = [Reading(Fraction(each)) for each in (30, 39, 60)]
    above = draw_line(steps, (0, 100), threshold=(Fraction(39), True))
    below = draw_line(steps, (0, 100), threshold=(Fraction(39), False))
    assert [above.runs[0].index(spot) for spot in above.beyond] == [2]
    assert [below.runs[0].index(spot) for spot in below.beyond] == [0]
    assert above.band
    assert below.band
    assert above.band.top + above.band.height == below.band.top == above.band.y
    assert above.diamonds.count("z") == 1
    assert above.dots.count("M") == 2


@given(readings, st.booleans())
def test_a_turned_line_is_the_same_upside_down(steps: Sequence[Reading], above: bool) -> None:
    straight = draw_line(steps, (0, 100), threshold=(Fraction(39), above))
    turned = draw_line(steps, (0, 100), threshold=(Fraction(39), above), turned=True)
    middle = straight.box.top + straight.box.bottom
    spots = [[spot for run in each.runs for spot in run] for each in (straight, turned)]
    assert [x for x, _y in spots[0]] == [x for x, _y in spots[1]]
    assert [middle - y for _x, y in spots[1]] == pytest.approx([y for _x, y in spots[0]], abs=0.2)
    assert len(turned.beyond) == len(straight.beyond)
    assert [tick.text for tick in turned.ticks] == [tick.text for tick in straight.ticks]
    heights = [[tick.y for tick in each.ticks] for each in (straight, turned)]
    assert [middle - y for y in heights[1]] == pytest.approx(heights[0], abs=0.2)
    assert straight.band
    assert turned.band
    assert turned.band.height == pytest.approx(straight.band.height, abs=0.2)
    assert (turned.band.top == turned.box.top) is not above


def test_a_day_falls_between_the_steps_of_its_neighbours() -> None:
    days = [DAY, DAY + timedelta(10), DAY + timedelta(30)]
    assert find_step_of_day(days, DAY + timedelta(5)) == Fraction(1, 2)
    assert find_step_of_day(days, DAY + timedelta(15)) == Fraction(5, 4)
    assert find_step_of_day(days, DAY - timedelta(1)) is None
    assert find_step_of_day([DAY], DAY) == 0
    assert find_step_of_day([DAY], DAY + timedelta(1)) is None
    assert find_step_of_day([], DAY) is None


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_a_bar_is_as_high_as_its_share(shares: Sequence[tuple[int, int]]) -> None:
    chart = draw_bars([(str(index), count, total) for index, (count, total) in enumerate(shares)])
    whole = chart.base - chart.top
    for bar in chart.bars:
        assert bar.y + bar.height == chart.base
        assert chart.top <= bar.y <= chart.base
        assert not bar.total or abs(bar.height - whole * min(bar.count, bar.total) / bar.total) <= 0.05
        assert bar.x + chart.bar_width <= chart.width


def test_a_bar_says_its_count_and_its_total() -> None:
    text = drawn("bar_chart", draw_bars([("1", 5, 7), ("2", 0, 0)]))
    assert text.count('class="info"') == 2
    assert ">5/7<" in text


@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=20)
)
def test_windows_cover_no_other(spans: Sequence[tuple[int, int, int]]) -> None:
    windows = [
        DrawnWindow(str(index), "due", *(DAY + timedelta(each) for each in (start, start + a, start + a + b)))
        for index, (start, a, b) in enumerate(spans)
    ]
    timeline = draw_windows(windows, DAY + timedelta(30), [(DAY, "Enrolment")])
    assert timeline is not None
    lanes: dict[int, float] = {}
    for bar in timeline.bars:
        assert bar.x >= lanes.get(bar.y, 0)
        assert bar.x <= bar.target <= bar.x + bar.width <= timeline.width
        assert bar.y + timeline.bar <= timeline.height
        lanes[bar.y] = bar.x + bar.width
    assert [mark.x for mark in timeline.months] == sorted({mark.x for mark in timeline.months})
    assert len(timeline.months) <= 14


def test_no_window_is_no_timeline() -> None:
    assert draw_windows([], DAY) is None
    window = DrawnWindow("W6", "due", DAY, DAY, DAY)
    later = draw_windows([window], DAY + timedelta(90))
    assert later
    assert later.today is None
    assert 'class="gone"' not in drawn("window_timeline", later)
    assert 'class="gone"' in drawn("window_timeline", draw_windows([window], DAY))


def test_cells_stand_in_their_rows_and_are_links() -> None:
    entries = [HeatEntry(0, 0, "3", "9", "/a", "Pain"), HeatEntry(1, 6, "missed", "✕", "/b", "Missed")]
    grid = draw_heat(entries, ("1", "2"), tuple("MTWTFSS"))
    first, last = grid.cells
    assert last.x - first.x == grid.columns[1].x - grid.columns[0].x
    assert last.x + grid.cell <= grid.width
    assert last.y + grid.cell <= grid.height
    words = (
        "{% from 'ui/charts.html' import heat_grid %}"
        "{% macro cell(about) %}{{ about }}.{% endmacro %}"
        "{{ heat_grid(chart=chart, label='Words.', sentence=cell) }}"
    )
    text = PAGES.environments["en"].from_string(words).render(chart=grid)
    assert '<a href="/b"><title>Missed.</title>' in text
    assert 'role="group"' in text  # a picture has no links in it


@given(st.lists(st.one_of(st.none(), st.integers(0, 10)), max_size=84))
def test_a_strip_has_each_day_once(days: Sequence[int | None]) -> None:
    shades = [None if day is None else StripDay(str(min(day // 3, 3)), str(day)) for day in days]
    strip = draw_strip(shades)
    cells = [int(x) // DAY_PITCH for path in strip.paths.values() for x in re.findall(r"M(\d+)", path)]
    assert sorted(cells) == [index for index, day in enumerate(days) if day is not None]
    shown = sum(len(each.digits) + len(each.tens) for each in strip.digits)
    assert shown == len(cells)
    assert strip.missed.count("l6 6") == list(days).count(None)
    assert all(len(each.places.split()) == len(each.digits) for each in strip.digits)


def test_a_chart_is_a_picture_with_a_sentence_and_has_no_style() -> None:
    chart = draw_line(
        [Reading(Fraction(67)), Reading(None, missed=True), Reading(Fraction(50))],
        (0, 100),
        [(Fraction(1, 2), "Randomisation")],
        (Fraction(39), True),
        ("BL", "W12"),
    )
    for text in (drawn("line_chart", chart), drawn("day_strip", draw_strip([StripDay("0", "0"), None]))):
        assert 'role="img" aria-label="Words."' in text
        assert "style" not in text


def test_fifteen_charts_are_light() -> None:
    charts = [line(*((number * 7 + index * 13) % 100 for index in range(12))) for number in range(15)]
    page = "".join(drawn("line_chart", chart) for chart in charts).encode()
    assert len(gzip.compress(page)) <= 15 * 300


def test_a_plan_chart_has_one_axis_and_distinct_marks() -> None:
    visits = DrawnLane("W6", (DrawnSpan(35, 42, 49, (35, 42, 48)), DrawnSpan(77, 84, 91)))
    diary = DrawnLane("D0 – D83", tuple(DrawnSpan(day, day, day + 2, (day,)) for day in range(84)))
    early = DrawnLane("BL", (DrawnSpan(-14, 0, 0),))
    chart = draw_plan([DrawnGroup("Enrolment", (early,)), DrawnGroup("Randomisation", (visits, diary))])
    assert chart is not None
    assert [mark.week for mark in chart.weeks] == list(range(-2, 15))
    assert chart.zero == next(mark.x for mark in chart.weeks if mark.week == 0)
    first, second = chart.groups
    assert (first.top + first.height, second.top + second.height) == (second.top, chart.height)
    six, days = second.lanes
    assert (six.bars.count("z"), six.targets.count("M"), six.reminders.count("M")) == (2, 2, 3)
    assert (days.bars.count("z"), days.targets.count("M"), days.reminders.count("M")) == (1, 84, 84)
    places = [float(x) for x in re.findall(r"M([\d.]+)", f"{six.bars}{days.bars}{first.lanes[0].bars}")]
    assert all(chart.label <= x < chart.width for x in places)
    wide = draw_plan(
        [DrawnGroup("Randomisation", (diary, DrawnLane("W156", (DrawnSpan(1085, 1092, 1099),))))]
    )
    assert wide is not None
    assert wide.groups[0].lanes[0].targets.count("M") == 2
    svg = drawn("plan_chart", wide)
    assert 'role="img" aria-label="Words."' in svg
    assert "style" not in svg
    assert draw_plan([DrawnGroup("Enrolment", (DrawnLane("UNS", ()),))]) is None
