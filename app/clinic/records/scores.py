"""The scores and diary plots of one participant, for roles that the study lets see them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.frame.addresses import BETTER
from app.clinic.request import PermittedRequest, url_of_participant
from app.domain.instruments.definition import Direction, Instrument, ScaleKind
from app.domain.instruments.scoring.course import (
    NOTABLE_CHANGES,
    CoursePoint,
    NotableChange,
    ScaleCourse,
    mean_of_weeks,
    round_score,
)
from app.domain.instruments.scoring.score import ScoreStatus
from app.domain.refusal import Refused
from app.services.clinic.participants.score_courses import (
    DiaryCourse,
    DiaryDay,
    InstrumentCourse,
    ParticipantScores,
    get_participant_scores,
)
from app.services.core.installation import Installation
from app.web.charts.day_strip import DayStrip, StripDay, draw_strip
from app.web.charts.line_chart import LineChart, Reading, draw_line
from app.web.charts.scales import find_step_of_day
from app.web.urls import PARTICIPANT, SCORE_LIST, SCORES

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ScoreCell:
    """A visit's score in the table: to one decimal or "" for none, and on what it rests."""

    visit: str
    text: str
    missed: bool
    status: str  # of the score, "" where nothing was sent


@dataclass(frozen=True, slots=True)
class ScalePlot:
    """One scale: its chart, and baseline, latest and change as whole numbers, "" for what is not there.

    `turned`: drawn upside down, so that up is better. `trend` is "better" or "worse" where something changed,
    `notable`: by at least the points of the instrument's `NotableChange`.
    """

    code: str
    name: str
    higher_is_better: bool
    chart: LineChart
    cells: tuple[ScoreCell, ...]
    baseline: str
    latest: str
    change: str
    trend: str
    notable: bool
    turned: bool
    limit: str
    beyond: bool  # whether the latest score lies beyond the threshold


@dataclass(frozen=True, slots=True)
class InstrumentPlots:
    """The plots of one instrument: what is functioning apart from what is a symptom.

    `notable` says which changes stand in bold, None where none does.
    """

    name: str
    algorithm: str
    visits: tuple[tuple[str, date | None], ...]
    functional: tuple[ScalePlot, ...]
    symptoms: tuple[ScalePlot, ...]
    source: str
    notable: NotableChange | None


@dataclass(frozen=True, slots=True)
class SymptomPlot:
    """One symptom of the diary: a strip of its days, the mean of each week, and its worst answer.

    `means` are those of the line in words: the number of each study week, and its mean or "".
    """

    name: str
    high: int
    strip: DayStrip
    weeks: LineChart
    means: tuple[tuple[str, str], ...]
    worst: int
    worst_on: date | None


@dataclass(frozen=True, slots=True)
class DiaryPlots:
    """The diary's plots, and the symptoms that were never reported."""

    name: str
    first: date
    last: date
    entered: int
    expected: int
    symptoms: tuple[SymptomPlot, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoresPage:
    """Scores and diary of one participant; never what role or arm they reveal beyond the plan's grants.

    `person_url` leads to the participant, "" for whom that page is closed. `turned`: all plots are drawn with
    up as better; `turn_url` leads to the other way of drawing.
    """

    template: ClassVar[str] = "clinic/scores.html"
    subject: str
    instruments: tuple[InstrumentPlots, ...]
    events: tuple[tuple[str, date], ...]
    diary: DiaryPlots | None
    turned: bool
    turn_url: str
    person_url: str = ""
    list_url: str = ""


@router.get(SCORES)
def show_scores(request: PermittedRequest, up: Annotated[str, Query(max_length=10)] = "") -> Response:
    """The plots as published, or with `up=better` drawn so that up is better; the numbers are the same."""
    scores = get_participant_scores(request.context, request.participant.participant_id)
    person = url_of_participant(scores.public_id) if request.offers_route(PARTICIPANT) else ""
    other = SCORES.format(participant=scores.public_id) + ("?up=" if up == BETTER else f"?up={BETTER}")
    drawn = _Drawing(request.installation, scores, request.frame.code, up == BETTER)
    page = _page(drawn, request.frame.within(other))
    return request.show(replace(page, person_url=person, list_url=request.frame.within(SCORE_LIST)))


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Whose scores are drawn, in which language, and whether up is better on every plot."""

    installation: Installation
    view: ParticipantScores
    code: str
    turned: bool

    def name_instrument(self, instrument: Instrument) -> str:
        """What staff call a form."""
        named = self.view.plan.form_name(instrument.id, self.code)
        return named or self.installation.name_instrument(self.view.plan.id, instrument, self.code)


def _page(drawn: _Drawing, turn_url: str) -> ScoresPage:
    view = drawn.view
    return ScoresPage(
        subject=view.subject,
        instruments=tuple(_plots(drawn, instrument) for instrument in view.instruments),
        events=tuple(
            (view.plan.anchor_label(event.kind, drawn.code), event.dated_on) for event in view.events
        ),
        diary=_diary(drawn, view.diary) if view.diary else None,
        turned=drawn.turned,
        turn_url=turn_url,
    )


def _plots(drawn: _Drawing, course: InstrumentCourse) -> InstrumentPlots:
    plots = [(scale_course.scale.kind, _plot(drawn, course, scale_course)) for scale_course in course.courses]
    points = course.courses[0].points
    return InstrumentPlots(
        name=drawn.name_instrument(course.instrument),
        algorithm=course.instrument.algorithm,
        visits=tuple((point.visit, point.completed_on) for point in points),
        functional=tuple(plot for kind, plot in plots if kind is not ScaleKind.SYMPTOM),
        symptoms=tuple(plot for kind, plot in plots if kind is ScaleKind.SYMPTOM),
        source=course.thresholds.source if course.thresholds else "",
        notable=NOTABLE_CHANGES.get(course.instrument.algorithm),
    )


def _plot(drawn: _Drawing, course: InstrumentCourse, scale_course: ScaleCourse) -> ScalePlot:
    view, code = drawn.view, drawn.code
    turned = drawn.turned and scale_course.scale.better is Direction.LOWER
    limit = course.thresholds.find_limit(scale_course.scale) if course.thresholds else None
    points, latest = scale_course.points, scale_course.latest or scale_course.baseline
    days = [point.target_on for point in points]
    events = (
        (step, view.plan.anchor_label(event.kind, code))
        for event in view.events
        if (step := find_step_of_day(days, event.dated_on)) is not None
    )
    ends = (points[0].visit, points[-1].visit if len(points) > 1 else "")
    readings = [Reading(point.value, point.missed) for point in points]
    return ScalePlot(
        code=scale_course.scale.code,
        name=scale_course.scale.name,
        higher_is_better=scale_course.scale.better is Direction.HIGHER,
        chart=draw_line(
            readings, (scale_course.low, scale_course.high), tuple(events), limit, ends, turned=turned
        ),
        cells=tuple(_cell(point) for point in points),
        baseline=_whole(scale_course.baseline.value if scale_course.baseline else None),
        latest=_whole(scale_course.latest.value if scale_course.latest else None),
        change=_signed(scale_course.change),
        trend=scale_course.trend,
        notable=scale_course.reaches_change(NOTABLE_CHANGES.get(course.instrument.algorithm)),
        turned=turned,
        limit=_whole(limit[0]) if limit else "",
        beyond=limit is not None and latest is not None and _lies_beyond(latest.value, limit),
    )


def _lies_beyond(value: Fraction | None, limit: tuple[Fraction, bool]) -> bool:
    return value is not None and (value > limit[0] if limit[1] else value < limit[0])


def _cell(point: CoursePoint) -> ScoreCell:
    status = point.score.status if point.score else None
    return ScoreCell(
        point.visit,
        _one_decimal(point.value),
        point.missed,
        "" if status in (None, ScoreStatus.COMPLETE) else str(status),
    )


def _one_decimal(value: Fraction | None) -> str:
    return "" if value is None else f"{Decimal(round_score(value * 10)) / 10:.1f}"


def _week_number(week: int) -> str:
    """The number of a study week, from 1 on; weeks before the first are counted back from it, from -1 on."""
    return str(week + 1 if week >= 0 else week)


def _whole(value: Fraction | None) -> str:
    return "" if value is None else str(round_score(value))


def _signed(change: Fraction | None) -> str:
    """With the sign that typesetters use, and none for nothing."""
    if change is None:
        return ""
    number = round_score(change)
    sign = "+" if number > 0 else "\u2212"
    return f"{sign}{abs(number)}" if number else "0"


def _diary(drawn: _Drawing, diary: DiaryCourse) -> DiaryPlots:
    words = _item_words(drawn, diary)
    reported = [symptom for symptom in diary.symptoms if _is_reported(diary.days, symptom)]
    days = [day.day for day in diary.days]
    return DiaryPlots(
        name=drawn.name_instrument(diary.instrument),
        first=days[0],
        last=days[-1],
        entered=sum(day.entered for day in diary.days),
        expected=sum(day.entered or day.missed for day in diary.days),
        symptoms=tuple(_symptom(diary, symptom, words[symptom], turned=drawn.turned) for symptom in reported),
        absent=tuple(words[symptom] for symptom in diary.symptoms if symptom not in reported),
    )


def _item_words(drawn: _Drawing, diary: DiaryCourse) -> dict[str, str]:
    """What each symptom is called; its code where the instrument has no words in the reader's language."""
    try:
        text = drawn.installation.get_text(drawn.view.plan.id, diary.instrument, drawn.code)
    except Refused:
        return {symptom: symptom for symptom in diary.symptoms}
    return {symptom: text.name_of(diary.instrument.get_item(symptom)) for symptom in diary.symptoms}


def _is_reported(days: Sequence[DiaryDay], symptom: str) -> bool:
    return any(day.severities[symptom].value for day in days if symptom in day.severities)


def _symptom(diary: DiaryCourse, symptom: str, name: str, *, turned: bool) -> SymptomPlot:
    high = diary.instrument.get_item(symptom).high
    answers = [(day.day, day.severities.get(symptom)) for day in diary.days]
    values = [(day, Fraction(answer.value) if answer else None) for day, answer in answers]
    weeks = mean_of_weeks(diary.weeks_from, values)
    means = tuple((_week_number(week.week), _one_decimal(week.value)) for week in weeks)
    worst = max((answer.value for _day, answer in answers if answer), default=0)
    return SymptomPlot(
        name=name,
        high=high,
        strip=draw_strip([_strip_day(day, symptom) for day in diary.days]),
        weeks=draw_line(
            [Reading(week.value) for week in weeks],
            (0, high),
            ends=(means[0][0], means[-1][0]),
            turned=turned,
        ),
        means=means,
        worst=worst,
        worst_on=next((day for day, answer in answers if answer and answer.value == worst), None),
    )


def _strip_day(day: DiaryDay, symptom: str) -> StripDay | None:
    answer = day.severities.get(symptom)
    if answer is not None:
        return StripDay(str(answer.grade), str(answer.value))
    return None if day.missed else StripDay("", "")
