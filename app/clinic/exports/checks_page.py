"""Figures of a data cut computed a second time from its answers: "n of n equal", and what is not."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.field_names import words_by_label
from app.clinic.request import SignedInRequest, StaffRequest
from app.domain.records.exports import ExportKind, ExportState
from app.domain.refusal import Refused
from app.i18n.marking import N_
from app.services.datasets.cuts import list_cuts
from app.services.datasets.export import ExportEntry
from app.services.datasets.export_requests import list_exports, request_export
from app.web.form_fields import ActCode, ActWords
from app.web.urls import EXPORT_CHECKS, EXPORTS

LABELS = {"cut": N_("Data cut"), "purpose": N_("What it is for")}


@dataclass(frozen=True, slots=True)
class FigureRow:
    """How many figures of a kind were computed again, how many are equal, and the first that are not."""

    kind: str
    total: int
    equal: int
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check of a cut; its figures are there once it is ready."""

    cut: str
    requested_at: datetime
    state: ExportState
    done: int
    total: int
    fault: str
    figures: tuple[FigureRow, ...]

    @property
    def differs(self) -> bool:
        """Whether any figure is another one when it is computed again."""
        return any(each.total != each.equal for each in self.figures)


@dataclass(frozen=True, slots=True)
class ChecksPage:
    """The checks that this reader requested, the newest first, and a form for another one."""

    template: ClassVar[str] = "clinic/exports/checks.html"
    checks: tuple[CheckRow, ...]
    cuts: tuple[str, ...]
    zone: str
    back_url: str
    cut: str = ""
    purpose: str = ""
    field: str = ""
    error: str = ""
    done: str = ""

    @property
    def is_waiting(self) -> bool:
        """Whether one is not ready yet."""
        return any(each.state in (ExportState.waiting, ExportState.making) for each in self.checks)


router = APIRouter(include_in_schema=False)


@router.get(EXPORT_CHECKS)
def show_checks(desk: SignedInRequest, done: str = "") -> Response:
    return desk.show(replace(_page(desk), done=done))


@router.post(EXPORT_CHECKS)
def request_check(desk: SignedInRequest, cut: ActCode = "", purpose: ActWords = "") -> Response:
    entry = ExportEntry(cut, purpose, ("csv",))
    try:
        request_export(desk.context, desk.study_code, entry, kind=ExportKind.recheck)
    except Refused as refused:
        if refused.code == "unknown_study":
            raise
        page = replace(_page(desk), cut=cut, purpose=purpose)
        return _refused(desk, page, refused)
    return desk.finish()


def _refused(desk: StaffRequest, page: ChecksPage, refused: Refused) -> Response:
    field = str(refused.details.get("field", "cut" if refused.code == "unknown_cut" else "main"))
    told = Refused("bad_field", field="cut", allowed=list(page.cuts)) if field == "cut" else refused
    return desk.show(replace(page, field=field, error=words_by_label(desk, told, LABELS)), told)


def _page(desk: StaffRequest) -> ChecksPage:
    mine = list_exports(desk.context, desk.study_code)
    return ChecksPage(
        checks=tuple(
            CheckRow(
                cut=each.cut,
                requested_at=each.requested_at,
                state=each.state,
                done=each.done,
                total=each.total,
                fault=each.fault,
                figures=tuple(
                    FigureRow(figure.kind, figure.total, figure.equal, tuple(figure.differences))
                    for figure in each.figures
                ),
            )
            for each in mine
            if each.kind is ExportKind.recheck
        ),
        cuts=tuple(each.name for each in list_cuts(desk.context, desk.study_code)),
        zone=desk.zone,
        back_url=desk.frame.within(EXPORTS),
    )
