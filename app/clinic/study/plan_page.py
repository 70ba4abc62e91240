"""The plan of a study as a picture and as tables that say the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.request import SignedInRequest, StaffRequest
from app.clinic.study.fact_words import join_numbers
from app.clinic.study.plan_tabs import PlanTab, list_tabs, name_forms, version_choices
from app.domain.plans.outline.hidden_arms import shown_arms
from app.domain.plans.outline.rows import PlanRow, list_plan_rows
from app.domain.plans.plan import AnchorKind, DiaryRule, Plan
from app.domain.typed_text import narrow_text
from app.services.clinic.study.plan_reading import ReadablePlans, read_plans
from app.web.charts.plan_chart import DrawnGroup, DrawnLane, DrawnSpan, PlanChart, draw_plan
from app.web.refusal_messages import COMMA
from app.web.urls import STUDY_PLAN


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A visit or a phase of the diary as the table tells it; `anchor` is "" for a visit that staff request.

    The window is told in days before and after the target day, `distances` in units: `unit` is "" where the
    only one is the day of the anchor itself. From `opens_at` on, "" for midnight, a diary day can be entered.
    `reminders` are kinds of moments, all at one `hour`.
    """

    name: str
    forms: tuple[str, ...]
    anchor: str
    distances: str
    several: bool
    unit: str
    before: int
    after: int
    overdue_after: int
    closes_with: str
    arms: tuple[str, ...]
    waits: bool
    repeatable: bool
    is_diary: bool
    opens_at: str
    reminders: tuple[str, ...]
    hour: str


@dataclass(frozen=True, slots=True)
class DateLine:
    """A kind of date that the plan knows; `used` is how many rows of the plan are counted from it."""

    label: str
    owner: str
    after: tuple[str, ...]
    planned: bool
    arm_revealing: bool
    used: int


@dataclass(frozen=True, slots=True)
class StudyPlanPage:
    """A version of the plan; `chart` is None where no window is counted from a date."""

    template: ClassVar[str] = "clinic/study/plan.html"
    tabs: tuple[PlanTab, ...]
    choices: tuple[tuple[str, str], ...]
    version: str
    draft: bool
    digest: str
    chart: PlanChart | None
    anchors: tuple[str, ...]
    visits: int
    last_week: int
    lines: tuple[PlanLine, ...]
    dates: tuple[DateLine, ...]
    zone: str
    grace_hours: int
    hides_arms: bool


@dataclass(frozen=True, slots=True)
class _PlanWords:
    """What the rows of a plan are written with: names of forms, the language, and what joins a list."""

    forms: Mapping[str, str]
    language: str
    comma: str


router = APIRouter(include_in_schema=False)


@router.get(STUDY_PLAN)
def show_plan(request: SignedInRequest, version: Annotated[str, Query(max_length=40)] = "") -> Response:
    plans = read_plans(request.context, request.study_code)
    plan = plans.get_version(narrow_text(version))
    return request.show(_page(request, plans, plan))


def _page(request: StaffRequest, plans: ReadablePlans, plan: Plan) -> StudyPlanPage:
    rows, language = list_plan_rows(plan), request.frame.code
    words = _PlanWords(name_forms(request, plans, plan), language, request.translate(COMMA))
    groups = group_rows(plan, rows, language)
    spans = [span for row in rows for span in row.spans]
    return StudyPlanPage(
        tabs=list_tabs(request, plan.version),
        choices=version_choices(plans, request),
        version=plan.version,
        draft=plan.draft,
        digest=plan.sha256,
        chart=draw_plan(groups),
        anchors=tuple(group.anchor for group in groups),
        visits=sum(len(row.spans) for row in rows if row.rule),
        last_week=max((span.closes // 7 for span in spans), default=0),
        lines=tuple(_line(plan, row, words) for row in rows),
        dates=tuple(_date_line(plan, anchor, rows, language) for anchor in plan.anchors),
        zone=plan.zone,
        grace_hours=plan.grace_hours,
        hides_arms=plans.hides_arms,
    )


def group_rows(plan: Plan, rows: Sequence[PlanRow], language: str) -> tuple[DrawnGroup, ...]:
    """The rows that have windows, by their anchors in the plan's order."""
    order = {kind: index for index, kind in enumerate(plan.anchor_kinds)}
    dated = sorted((row for row in rows if row.anchor), key=lambda row: order[row.anchor or ""])
    return tuple(
        DrawnGroup(plan.anchor_label(kind or "", language), tuple(map(_lane, lanes)))
        for kind, lanes in groupby(dated, key=lambda row: row.anchor)
    )


def _lane(row: PlanRow) -> DrawnLane:
    spans = (
        DrawnSpan(span.opens, span.target, span.closes, tuple(day for day, _kind in span.reminders))
        for span in row.spans
    )
    return DrawnLane(name_row(row), tuple(spans))


def name_row(row: PlanRow) -> str:
    """The code of the only visit of a row, or those of the first and the last."""
    codes = [span.code for span in row.spans] or [row.code]
    return codes[0] if len(codes) == 1 else f"{codes[0]} – {codes[-1]}"


def _line(plan: Plan, row: PlanRow, words: _PlanWords) -> PlanLine:
    rule, diary, language = row.rule, plan.diary, words.language
    kinds = dict.fromkeys(kind.value for span in row.spans for _day, kind in span.reminders)
    return PlanLine(
        name=name_row(row),
        forms=tuple(words.forms[instrument] for instrument in row.instruments),
        anchor=plan.anchor_label(row.anchor, language) if row.anchor else "",
        distances=join_numbers(row.offsets, words.comma),
        several=len(row.offsets) > 1,
        unit=row.unit.value if any(row.offsets) else "",
        before=rule.before if rule else 0,
        after=rule.after if rule else _entry_days(diary),
        overdue_after=rule.overdue_after if rule else diary.overdue_after if diary else 0,
        closes_with=plan.anchor_label(rule.closes_with, language) if rule and rule.closes_with else "",
        arms=shown_arms(rule, plan) if rule else (),
        waits=rule is None or rule.waits,
        repeatable=rule is not None and rule.repeatable,
        is_diary=rule is None,
        opens_at=f"{diary.opens_at:%H:%M}" if rule is None and diary and diary.opens_at else "",
        reminders=tuple(kinds),
        hour=f"{plan.reminders.at if rule else plan.reminders.diary_at:%H:%M}",
    )


def _entry_days(diary: DiaryRule | None) -> int:
    return diary.entry_days if diary else 0


def _date_line(plan: Plan, anchor: AnchorKind, rows: Sequence[PlanRow], language: str) -> DateLine:
    return DateLine(
        label=anchor.get_label(language),
        owner=anchor.owner.value,
        after=tuple(plan.anchor_label(kind, language) for kind in anchor.after),
        planned=anchor.planned,
        arm_revealing=anchor.arm_revealing,
        used=sum(row.anchor == anchor.kind for row in rows),
    )
