"""The matrix: participants by visits, each cell the state of a form and the way to it."""

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
from app.services.clinic.report.matrix import get_matrix
from app.services.clinic.report.scope import ReportFilter
from app.web.permissions import CallerKind, guards
from app.web.urls import MATRIX, PARTICIPANTS


@dataclass(frozen=True, slots=True)
class MatrixLine:
    """One participant; a cell is the state of a form, with "!" for a late one, and the form's own id."""

    subject: str
    url: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MatrixPage:
    """A page of the matrix of one study."""

    template: ClassVar[str] = "clinic/report/matrix.html"
    states: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[MatrixLine, ...]
    sites: tuple[tuple[str, str], ...]
    site: str
    next_url: str
    as_of: datetime
    zone: str


_STATES = tuple(status.value for status in Status)
_NO_FORM = ("", "")


def _cell(cell: MatrixCell | None) -> tuple[str, str]:
    if cell is None:
        return _NO_FORM
    return f"{cell.status}!" if cell.out_of_window else cell.status, cell.slot


router = APIRouter(include_in_schema=False)


@router.get(MATRIX)
@guards(CallerKind.STAFF)
async def show_matrix(request: Request) -> Response:
    return await answer_staff(request, _show_matrix)


def _show_matrix(desk: StaffRequest) -> Response:
    query = read_query(desk.request, site=40, after=40)
    site = narrow_text(query["site"])
    matrix = get_matrix(desk.context, ReportFilter(study_of(desk), site), query["after"])
    words = table_words(desk, matrix.scope)
    on = build_address(MATRIX, {"site": site, "after": matrix.after})
    return desk.show(
        MatrixPage(
            states=_STATES,
            columns=tuple(
                visit if words.one_form else f"{visit} {words.forms.get(form, form)}"
                for visit, form in matrix.columns
            ),
            rows=tuple(
                MatrixLine(
                    row.subject,
                    f"{PARTICIPANTS}/{row.participant}",
                    tuple([_cell(row.cells.get(column)) for column in matrix.columns]),
                )
                for row in matrix.rows
            ),
            sites=site_choices(matrix.scope),
            site=site,
            next_url=desk.frame.within(on) if matrix.after else "",
            as_of=desk.at,
            zone=matrix.scope.plan.zone,
        )
    )
