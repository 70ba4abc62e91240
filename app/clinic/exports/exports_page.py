"""Exports: the data cuts of a study, making one, and having datasets of one made as files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query
from starlette.responses import FileResponse, Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.request import SignedInRequest, StaffRequest
from app.domain.datasets.builder import DATASETS
from app.domain.records.access import Permission
from app.domain.records.exports import ExportKind, ExportState
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import narrow_text
from app.i18n.marking import N_
from app.services.datasets.cuts import NamedCut, check_cut_words, find_cut_makers, list_cuts, make_cut
from app.services.datasets.export import OMITTED, ExportEntry, check_export, list_contents, list_formats
from app.services.datasets.export_requests import (
    RequestedExport,
    find_export_file,
    get_export,
    list_exports,
    request_export,
)
from app.services.datasets.readers import is_within_reach
from app.web.form_fields import ActCode, ActWords
from app.web.urls import EXPORT_CHANGES, EXPORT_CHECKS, EXPORT_FILE, EXPORT_REQUESTS, EXPORTS

LABELS = {
    "name": N_("Name of the cut"),
    "purpose": N_("What it is for"),
    "cut": N_("Data cut"),
    "dataset": N_("Dataset"),
    "format": N_("Format"),
}
EVERYTHING = "all"
_MAKING, _REQUESTING = "making", "requesting"


@dataclass(frozen=True, slots=True)
class CutRow:
    """One cut; `maker` is the name of staff, or what the trail calls whoever made it."""

    name: str
    at: datetime
    through: int
    purpose: str
    maker: str


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export that this reader requested; `url` leads to its file once it is ready."""

    cut: str
    dataset: str
    format: str
    purpose: str
    requested_at: datetime
    state: ExportState
    done: int
    total: int
    megabytes: str
    kept_until: datetime | None
    fault: str
    url: str


@dataclass(frozen=True, slots=True)
class ExportsPage:
    """The cuts, what may be done with them, what this reader requested, and what their files leave out.

    `faults` name the form that was refused; the other one is as it was opened.
    """

    template: ClassVar[str] = "clinic/exports/exports.html"
    cuts: tuple[CutRow, ...]
    exports: tuple[ExportRow, ...]
    makes: bool
    datasets: tuple[tuple[str, str], ...]
    formats: tuple[str, ...]
    withheld: tuple[str, ...]
    zone: str
    changes_url: str
    checks_url: str
    name: str = ""
    cut: str = ""
    dataset: str = EVERYTHING
    format: str = "csv"
    purpose: str = ""
    faults: FormFaults = NO_FAULTS
    done: str = ""

    @property
    def is_waiting(self) -> bool:
        """Whether something is not ready yet."""
        return any(export.state in (ExportState.waiting, ExportState.making) for export in self.exports)


router = APIRouter(include_in_schema=False)


@router.get(EXPORTS)
def show_exports(
    request: SignedInRequest, done: str = "", cut: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    return request.show(replace(_page(request), done=done, cut=narrow_text(cut)))


@router.post(EXPORTS)
def make_data_cut(request: SignedInRequest, name: ActCode = "", purpose: ActWords = "") -> Response:
    try:
        check_all(request.act.check_texts, lambda: check_cut_words(name, purpose))
        make_cut(request.context, request.study_code, name, purpose)
    except Refused as refused:
        page = replace(_page(request.as_on(EXPORTS)), name=name, purpose=purpose)
        return _refused(request, page, refused, _MAKING)
    return request.finish()


@router.post(EXPORT_REQUESTS)
def request_datasets(
    request: SignedInRequest,
    cut: ActCode = "",
    dataset: ActCode = "",
    format: ActCode = "",  # noqa: A002 - the name of the field
    purpose: ActWords = "",
) -> Response:
    named = "" if dataset == EVERYTHING else dataset.upper()
    entry = ExportEntry(cut, purpose, (format,), dataset=named)
    cuts = [cut.name for cut in list_cuts(request.context, request.study_code)]
    try:
        check_all(request.act.check_texts, lambda: check_cut(cut, cuts), lambda: check_export(entry))
        request_export(request.context, request.study_code, entry, packed=not named)
    except Refused as refused:
        if refused.code == "unknown_study":
            raise
        page = replace(_page(request), cut=cut, dataset=dataset, format=format, purpose=purpose)
        return _refused(request, page, refused, _REQUESTING)
    return request.finish()


@router.get(EXPORT_FILE)
def save_file(request: SignedInRequest, export: str) -> Response:
    """The file of an export, which is an archive where it has several; whole or by ranges."""
    details = get_export(request.context, request.study_code, export)
    file = find_export_file(
        request.context, request.study_code, export, details.files[0].name if details.files else ""
    )
    headers = {"ETag": f'"{file.sha256[:32]}"', "Cache-Control": "no-store, no-transform"}
    return FileResponse(file.path, media_type=file.media_type, filename=file.name, headers=headers)


def _refused(request: StaffRequest, page: ExportsPage, refused: Refused, form: str) -> Response:
    faults = list_faults(request, refused, LABELS, form=form, prefix=f"{form}-")
    return request.show(replace(page, faults=faults), refused)


def check_cut(cut: str, cuts: Sequence[str]) -> None:
    """Refuse what is none of the study's cuts: "bad_field"."""
    if cut not in cuts:
        raise Refused("bad_field", field="cut", allowed=tuple(cuts))


def _page(request: StaffRequest) -> ExportsPage:
    cuts = list_cuts(request.context, request.study_code)
    makers = find_cut_makers(request.context, cuts)
    study_id = request.study.id if request.study else 0
    contents = list_contents(request.context, study_id)
    mine = list_exports(request.context, request.study_code)
    return ExportsPage(
        cuts=tuple(_row(cut, makers.get(cut.made_by, cut.made_by)) for cut in cuts),
        exports=tuple(_export_row(request, export) for export in mine if export.kind is ExportKind.datasets),
        makes=is_within_reach(request.context, Permission.CUT_MAKE, study_id),
        datasets=tuple((table.name.lower(), table.name) for table in DATASETS),
        formats=list_formats(),
        withheld=tuple(name for name in OMITTED if name not in contents),
        zone=request.zone,
        changes_url=request.frame.within(EXPORT_CHANGES) if len(cuts) > 1 else "",
        checks_url=request.frame.within(EXPORT_CHECKS) if cuts and len(contents) == len(OMITTED) else "",
    )


def _row(cut: NamedCut, maker: str) -> CutRow:
    return CutRow(cut.name, cut.at, cut.through, cut.purpose, maker)


def _export_row(request: StaffRequest, export: RequestedExport) -> ExportRow:
    return ExportRow(
        cut=export.cut,
        dataset=export.entry.dataset.lower() or EVERYTHING,
        format=export.entry.formats[0],
        purpose=export.entry.purpose,
        requested_at=export.requested_at,
        state=export.state,
        done=export.done,
        total=export.total,
        megabytes=f"{max(export.size, 100_000) / 1_000_000:.1f}",
        kept_until=export.kept_until,
        fault=export.fault,
        url=request.frame.within(EXPORT_FILE.format(export=export.public_id)),
    )
