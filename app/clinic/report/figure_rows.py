"""The rows that make a figure of the report, as a page and as a file."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from app.clinic.report.address import ChosenReport, ReportQuery, read_figure
from app.clinic.report.report_page import choices_of
from app.clinic.report.spreadsheet import csv_response
from app.clinic.report.table_view import TableWords, table_words
from app.clinic.request import SignedInRequest, StaffRequest, url_of_participant
from app.domain.plans.windows import local_day
from app.domain.spreadsheets import SheetCell
from app.services.clinic.downloads import record_file_download
from app.services.clinic.report.figures import TABLES
from app.services.clinic.report.report import FigureAddress, FigureRows, list_figure_rows
from app.web.urls import PARTICIPANT_FORM, REPORT_ROWS, REPORT_ROWS_FILE


@dataclass(frozen=True, slots=True)
class FigureRowView:
    """One form, or one participant where there is no form; addresses only for whom the reader may open."""

    subject: str
    url: str
    site: str
    visit: str
    form: str
    form_url: str
    day: date | None
    status: str
    late: bool
    at: datetime | None
    zone: str
    reason: str


@dataclass(frozen=True, slots=True)
class FigureRowsPage:
    """The rows behind one figure; `total` is the figure itself."""

    template: ClassVar[str] = "clinic/report/rows.html"
    table: str
    figure: str
    where: tuple[str, ...]
    query: ReportQuery
    total: int
    of_people: bool
    rows: tuple[FigureRowView, ...]
    back_url: str
    file_url: str
    next_url: str
    as_of: datetime
    zone: str


router = APIRouter(include_in_schema=False)
ChosenFigure = Annotated[FigureAddress, Depends(read_figure)]


@router.get(REPORT_ROWS)
def show_rows(
    request: SignedInRequest,
    query: ChosenReport,
    figure: ChosenFigure,
    after: Annotated[str, Query(max_length=40)] = "",
    row: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> Response:
    figures = list_figure_rows(request.context, choices_of(request, query), figure, (after, row))
    words = table_words(request, figures.scope)
    rule = TABLES[figure.table]
    query = replace(query, part=rule.part.value)
    within = request.frame.within
    return request.show(
        FigureRowsPage(
            table=figure.table.value,
            figure=figure.figure,
            where=tuple(_where(figure, words)),
            query=query,
            total=figures.total,
            of_people=rule.source is None,
            rows=tuple(_rows(figures, words)),
            back_url=within(query.page_url(rule.part)),
            file_url=within(query.rows_url(figure, file=True)),
            next_url=within(query.rows_url(figure, figures.after)) if figures.after else "",
            as_of=request.at,
            zone=figures.scope.plan.zone,
        )
    )


@router.get(REPORT_ROWS_FILE)
def save_rows(request: SignedInRequest, query: ChosenReport, figure: ChosenFigure) -> Response:
    figures = list_figure_rows(request.context, choices_of(request, query), figure, limit=None)
    record_file_download(request.context, figures.scope.study_id, "rows", describe_figure(query, figure))
    heads, rows = _PEOPLE if TABLES[figure.table].source is None else _FORMS
    what = f"{figure.table.value}-{figure.figure}"
    today = local_day(request.at, request.zone)
    return csv_response(figures.scope.study, what, today, heads, rows(figures, _site_codes(request, figures)))


def describe_figure(query: ReportQuery, figure: FigureAddress) -> dict[str, str]:
    """The choices by which the file was made, as the trail tells them."""
    rules = query.parameters
    return {
        "contents": figure.table.value,
        "site": figure.site or rules["site"],
        "visit": figure.visit or rules["visit"],
        "from": rules["from"],
        "to": rules["to"],
    }


def _site_codes(request: StaffRequest, figures: FigureRows) -> dict[int, str]:
    return {key: code for key, (code, _name) in table_words(request, figures.scope).sites.items()}


def _form_lines(figures: FigureRows, sites: dict[int, str]) -> Iterator[tuple[SheetCell, ...]]:
    for row in figures.forms:
        yield (
            row.subject, sites[row.site_id], row.visit, row.instrument, row.instrument_version,
            row.for_day, row.target_on, row.status, row.submitted_at,
            "yes" if row.out_of_window else "no", row.reason,
        )  # fmt: skip


def _people_lines(figures: FigureRows, sites: dict[int, str]) -> Iterator[tuple[SheetCell, ...]]:
    for row in figures.people:
        yield row.subject, sites[row.site_id], row.enrolled_on, row.signed_in_at


_FORMS = (
    (
        "participant", "site", "visit", "instrument", "version", "for_day", "target_on", "status",
        "submitted_at", "late", "reason",
    ),
    _form_lines,
)  # fmt: skip
_PEOPLE = (("participant", "site", "enrolled_on", "signed_in_at"), _people_lines)


def _where(figure: FigureAddress, words: TableWords) -> Iterator[str]:
    """In words, of which line the figure is."""
    yield from (part for part in (figure.site, figure.visit) if part)
    if figure.instrument:
        yield words.forms.get(figure.instrument, figure.instrument)
    if figure.arm:
        yield figure.arm
    if figure.item:
        yield words.name_question(figure.instrument, figure.item)
    if figure.line:
        yield words.name_line(figure.line)


def _rows(figures: FigureRows, words: TableWords) -> Iterator[FigureRowView]:
    for form in figures.forms:
        person = url_of_participant(form.participant) if form.site_id in figures.readable else ""
        url = PARTICIPANT_FORM.format(participant=form.participant, slot=form.slot) if person else ""
        yield FigureRowView(
            form.subject, person, words.sites[form.site_id][0], form.visit,
            words.forms.get(form.instrument, form.instrument), url, form.for_day or form.target_on,
            form.status, form.out_of_window, form.submitted_at, form.zone, form.reason or "",
        )  # fmt: skip
    for row in figures.people:
        person = url_of_participant(row.participant) if row.site_id in figures.readable else ""
        yield FigureRowView(
            row.subject, person, words.sites[row.site_id][0], "", "", "", row.enrolled_on, "", False,
            row.signed_in_at, row.zone, "",
        )  # fmt: skip
