"""Figures of a data cut computed a second time from its answers: "n of n equal", and what is not."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.exports.exports_page import check_cut
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.request import SignedInRequest, StaffRequest
from app.domain.records.exports import ExportKind, ExportState
from app.domain.refusal import Refused, check_all
from app.i18n.marking import N_
from app.services.datasets.cuts import list_cuts
from app.services.datasets.export import ExportEntry, check_export
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
        return any(figure.total != figure.equal for figure in self.figures)


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
    faults: FormFaults = NO_FAULTS
    done: str = ""

    @property
    def is_waiting(self) -> bool:
        """Whether one is not ready yet."""
        return any(check.state in (ExportState.waiting, ExportState.making) for check in self.checks)


router = APIRouter(include_in_schema=False)


@router.get(EXPORT_CHECKS)
def show_checks(request: SignedInRequest, done: str = "") -> Response:
    return request.show(replace(_page(request), done=done))


@router.post(EXPORT_CHECKS)
def request_check(request: SignedInRequest, cut: ActCode = "", purpose: ActWords = "") -> Response:
    entry = ExportEntry(cut, purpose, ("csv",))
    page = replace(_page(request), cut=cut, purpose=purpose)
    try:
        check_all(request.act.check_texts, lambda: check_cut(cut, page.cuts), lambda: check_export(entry))
        request_export(request.context, request.study_code, entry, kind=ExportKind.recheck)
    except Refused as refused:
        if refused.code == "unknown_study":
            raise
        return request.show(replace(page, faults=list_faults(request, refused, LABELS)), refused)
    return request.finish()


def _page(request: StaffRequest) -> ChecksPage:
    mine = list_exports(request.context, request.study_code)
    return ChecksPage(
        checks=tuple(
            CheckRow(
                cut=export.cut,
                requested_at=export.requested_at,
                state=export.state,
                done=export.done,
                total=export.total,
                fault=export.fault,
                figures=tuple(
                    FigureRow(figure.kind, figure.total, figure.equal, tuple(figure.differences))
                    for figure in export.figures
                ),
            )
            for export in mine
            if export.kind is ExportKind.recheck
        ),
        cuts=tuple(cut.name for cut in list_cuts(request.context, request.study_code)),
        zone=request.zone,
        back_url=request.frame.within(EXPORTS),
    )
