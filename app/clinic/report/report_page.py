"""The report of a study, one page for each of its parts, and each table as a file."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.clinic.report.address import ChosenReport, ReportQuery, read_table
from app.clinic.report.spreadsheet import STAMP, csv_response, describe_origin
from app.clinic.report.table_view import (
    LINES,
    CellView,
    TableView,
    TableWords,
    name_line,
    table_words,
    view_table,
)
from app.clinic.request import SignedInRequest, StaffRequest
from app.domain.plans.windows import local_day
from app.domain.refusal import Refused
from app.domain.spreadsheets import SheetCell
from app.i18n.marking import N_
from app.services.clinic.downloads import record_file_download
from app.services.clinic.report.figures import TABLES, FigureTable, ReportPart, ReportTable
from app.services.clinic.report.report import Report, get_report
from app.services.clinic.report.scope import ReportFilter, ReportScope, list_visits
from app.web.pages.rendering import Pages
from app.web.urls import REPORT, REPORT_TABLE


@dataclass(frozen=True, slots=True)
class PartTab:
    """One part of the report, to be chosen."""

    code: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class RateView:
    """A rate of all visits together: the share, and the counts of which it is made."""

    share: CellView
    part: CellView
    whole: CellView


@dataclass(frozen=True, slots=True)
class ReportPage:
    """One part of the report; `completion` and `available` are the rates of all visits together.

    `randomises`: the population is randomised; `pooled`: its arms are counted together, to stay hidden.
    `query` is what was typed, `counted` what the numbers are of: the usual choice where that was wrong.
    `digest` begins the one of the data that were counted.
    """

    template: ClassVar[str] = "clinic/report/report.html"
    part: str
    parts: tuple[PartTab, ...]
    query: ReportQuery
    counted: ReportQuery
    sites: tuple[tuple[str, str], ...]
    visits: tuple[str, ...]
    tables: tuple[TableView, ...]
    completion: RateView | None
    available: RateView | None
    randomises: bool
    pooled: bool
    sign_in_days: int
    as_of: datetime
    plan_version: str
    digest: str
    zone: str
    error: str = ""
    error_field: str = ""


router = APIRouter(include_in_schema=False)


@router.get(REPORT)
def show_report(request: SignedInRequest, query: ChosenReport) -> Response:
    try:
        return request.show(_report_page(request, query, query))
    except Refused as refused:
        if refused.code == "unknown_study":
            raise
        counted = ReportQuery(part=query.part, rules=query.rules, late=query.late)
        page = _report_page(request, query, counted)
        field = str(refused.details.get("field", "site"))
        return request.show(
            replace(
                page, error=request.translate_refusal(_by_label(request, query, refused)), error_field=field
            ),
            refused,
        )


@router.get(REPORT_TABLE)
def save_table(
    request: SignedInRequest, query: ChosenReport, table: Annotated[ReportTable, Depends(read_table)]
) -> Response:
    report = get_report(request.context, choices_of(request, query), TABLES[table].part)
    scope, words = report.scope, table_words(request, report.scope)
    table_view = next((candidate for candidate in report.tables if candidate.name is table), None)
    if table_view is None:
        raise Refused("unknown_figure", field="table", allowed=())
    chosen = {name: query.parameters[name] for name in ("site", "visit", "from", "to")}
    record_file_download(request.context, scope.study_id, "report", {"contents": table.value, **chosen})
    rule = table_view.rule
    line = ("line",) if table in LINES else ()
    heads = (
        *(_COLUMNS.get(name, name) for name in rule.by),
        *(LINES[table] for _line in line),
        *rule.figures,
        *rule.shares,
        *((f"median_{rule.median}",) if rule.median else ()),
    )
    today = local_day(request.at, request.zone)
    return csv_response(
        scope.study, table.value, today, (*heads, *STAMP), _lines(request, report, table_view, line, words)
    )


TARGET_FROM, ENROLLED_FROM, LAST = N_("Target day from"), N_("Enrolled from"), N_("to")
_COLUMNS = {"site_id": "site"}
"""Facts whose column in a file is named for what stands there."""


def _lines(
    request: StaffRequest, report: Report, table: FigureTable, line: tuple[str, ...], words: TableWords
) -> Iterator[tuple[SheetCell, ...]]:
    """The lines of a table in codes, each with how it was made."""
    report_stamp = describe_origin(request, report.scope, report.digest)
    for entry in table.lines:
        keys = [
            words.sites[entry.where[name]][0] if name == "site_id" else entry.where[name] or ""
            for name in table.rule.by
        ]
        keys += [name_line(entry.where[name]) for name in line]
        shares = [f"{count / of:.6f}" if of else "" for count, of in entry.shares.values()]
        median = [entry.median] if table.rule.median else []
        yield (*keys, *entry.counts.values(), *shares, *median, *report_stamp)


def study_of(request: StaffRequest) -> str:
    """The study that this request is about."""
    return request.study.code if request.study else ""


def site_choices(scope: ReportScope) -> tuple[tuple[str, str], ...]:
    """The sites of a filter."""
    return tuple((site.code, f"{site.code} {site.name}") for site in scope.sites)


def choices_of(request: StaffRequest, query: ReportQuery) -> ReportFilter:
    """The filter; raises Refused, which names a day by its label."""
    try:
        return query.read_filter(study_of(request))
    except Refused as refused:
        raise _by_label(request, query, refused) from refused


def _by_label(request: StaffRequest, query: ReportQuery, refused: Refused) -> Refused:
    """The refusal, with the field as the page names it."""
    pages: Pages = request.http.app.state.pages
    first = ENROLLED_FROM if query.chosen_part is ReportPart.recruitment else TARGET_FROM
    field = pages.translate(LAST if refused.details.get("field") == "to" else first, request.frame)
    return Refused(refused.code, **{**refused.details, "field": field})


def _report_page(request: StaffRequest, query: ReportQuery, counted: ReportQuery) -> ReportPage:
    report = get_report(request.context, counted.read_filter(study_of(request)), query.chosen_part)
    words = table_words(request, report.scope)
    headline = _headline(request, counted, report, words)
    return ReportPage(
        part=query.chosen_part.value,
        parts=tuple(
            PartTab(part.value, request.frame.within(counted.page_url(part)), part is query.chosen_part)
            for part in ReportPart
            if part is not ReportPart.diary or any(plan.diary for plan in report.scope.plans)
        ),
        query=query,
        counted=counted,
        sites=site_choices(report.scope),
        visits=list_visits(*report.scope.plans),
        tables=tuple(view_table(request, counted, table, words) for table in report.tables),
        completion=headline.get("completion"),
        available=headline.get("available"),
        randomises=report.scope.randomises,
        pooled=len(report.scope.plan.arms) > 1 and not report.scope.by_arm,
        sign_in_days=report.scope.plan.worklist.unused_days,
        as_of=request.at,
        plan_version=report.scope.plan.version,
        digest=report.digest[:12],
        zone=report.scope.plan.zone,
    )


def _headline(
    request: StaffRequest, query: ReportQuery, report: Report, words: TableWords
) -> dict[str, RateView]:
    """The two rates of all visits together; none on the other parts."""
    for table in report.tables:
        if table.name is ReportTable.rates and table.whole is not None:
            alone = FigureTable(table.name, table.rule, (table.whole,), None)
            view = view_table(request, query, alone, words)
            named = dict(zip((column.code for column in view.columns), view.rows[0].cells, strict=True))
            return {
                code: RateView(named[code], *(named[share] for share in table.rule.shares[code]))
                for code in ("completion", "available")
            }
    return {}
