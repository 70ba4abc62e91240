"""The matrix: participants by visits, each cell the state of a form and the way to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.clinic.frame.addresses import build_address
from app.clinic.report.report_page import site_choices, study_of
from app.clinic.report.table_view import table_words
from app.clinic.request import StaffRequest, answer_staff, read_query
from app.domain.plans.status import Status
from app.domain.report.ledger import MatrixCell
from app.domain.typed_text import narrow_text
from app.services.clinic.report.matrix import MatrixColumn, MatrixForms, get_matrix
from app.services.clinic.report.scope import ReportFilter
from app.web.middleware.plain_route import PlainRoute
from app.web.permissions import CallerKind, mark_guard
from app.web.urls import MATRIX, PARTICIPANTS


@dataclass(frozen=True, slots=True)
class MatrixLine:
    """One participant, and their forms as they were read: two lines of the same forms are the same."""

    subject: str
    url: str
    forms: MatrixForms

    def list_cells(self, columns: tuple[MatrixColumn, ...]) -> Sequence[tuple[str, str]]:
        """For each of these visits and instruments the state of the form, with "!" for a late one, and the
        form's own id; empty where there is none."""
        own = {(form.visit, form.instrument): _cell(form) for form in self.forms}
        return [own.get(column, _NO_FORM) for column in columns]


@dataclass(frozen=True, slots=True)
class MatrixPage:
    """A page of the matrix of one study; `columns` are the names of its `places`."""

    template: ClassVar[str] = "clinic/report/matrix.html"
    states: tuple[str, ...]
    places: tuple[MatrixColumn, ...]
    columns: tuple[str, ...]
    rows: tuple[MatrixLine, ...]
    sites: tuple[tuple[str, str], ...]
    site: str
    next_url: str
    as_of: datetime
    zone: str


_STATES = tuple(status.value for status in Status)
_NO_FORM = ("", "")


def _cell(cell: MatrixCell) -> tuple[str, str]:
    return f"{cell.status}!" if cell.out_of_window else cell.status, cell.slot


router = APIRouter(include_in_schema=False, route_class=PlainRoute)


@router.get(MATRIX)
@mark_guard(CallerKind.STAFF)
async def show_matrix(request: Request) -> Response:
    return await answer_staff(request, _show_matrix)


def _show_matrix(request: StaffRequest) -> Response:
    query = read_query(request.http, site=40, after=40)
    site = narrow_text(query["site"])
    matrix = get_matrix(request.context, ReportFilter(study_of(request), site), query["after"])
    words = table_words(request, matrix.scope)
    on = build_address(MATRIX, {"site": site, "after": matrix.after})
    return request.show(
        MatrixPage(
            states=_STATES,
            places=matrix.columns,
            columns=tuple(
                visit if words.one_form else f"{visit} {words.forms.get(form, form)}"
                for visit, form in matrix.columns
            ),
            rows=tuple(
                MatrixLine(row.subject, f"{PARTICIPANTS}/{row.participant}", row.forms) for row in matrix.rows
            ),
            sites=site_choices(matrix.scope),
            site=site,
            next_url=request.frame.within(on) if matrix.after else "",
            as_of=request.at,
            zone=matrix.scope.plan.zone,
        )
    )
