"""Exports: the data cuts of a study, making one, and datasets of one as files."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from app.clinic.frame.field_names import words_by_label
from app.clinic.request import SignedInRequest, StaffRequest
from app.domain.datasets.builder import DATASETS
from app.domain.records.access import Permission
from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text
from app.i18n.marking import N_
from app.services.datasets.cuts import NamedCut, list_cuts, make_cut
from app.services.datasets.download import find_cut_makers, prepare_download
from app.services.datasets.export import LEFT_OUT, ExportEntry, list_contents, list_formats
from app.services.datasets.readers import is_within_reach
from app.web.form_fields import ActCode, ActWords
from app.web.middleware.head import is_bodiless
from app.web.urls import EXPORT_FILE, EXPORTS

LABELS = {
    "name": N_("Name"),
    "purpose": N_("What it is for"),
    "cut": N_("Data cut"),
    "dataset": N_("Dataset"),
    "format": N_("Format"),
}
EVERYTHING = "all"
_MAKING, _SAVING = "making", "saving"


@dataclass(frozen=True, slots=True)
class CutRow:
    """One cut; `maker` is the name of staff, or what the trail calls whoever made it."""

    name: str
    at: datetime
    through: int
    purpose: str
    maker: str


@dataclass(frozen=True, slots=True)
class ExportsPage:
    """The cuts, what may be done with them, and what this reader's files leave out.

    `failed` names the form that was refused; the other one is as it was opened.
    """

    template: ClassVar[str] = "clinic/exports/exports.html"
    cuts: tuple[CutRow, ...]
    makes: bool
    datasets: tuple[tuple[str, str], ...]
    formats: tuple[str, ...]
    withheld: tuple[str, ...]
    zone: str
    name: str = ""
    cut: str = ""
    dataset: str = EVERYTHING
    format: str = "csv"
    purpose: str = ""
    failed: str = ""
    field: str = ""
    error: str = ""
    done: str = ""

    @property
    def anchor(self) -> str:
        """Where the fault is on the page."""
        return f"{self.failed}-{self.field}" if self.field == "purpose" else self.field


router = APIRouter(include_in_schema=False)


@router.get(EXPORTS)
def show_exports(
    desk: SignedInRequest, done: str = "", cut: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    return desk.show(replace(_page(desk), done=done, cut=narrow_text(cut)))


@router.post(EXPORTS)
def make_data_cut(desk: SignedInRequest, name: ActCode = "", purpose: ActWords = "") -> Response:
    try:
        make_cut(desk.context, desk.study_code, name, purpose)
    except Refused as refused:
        page = replace(_page(desk), name=name, purpose=purpose)
        return _refused(desk, page, refused, _MAKING)
    return desk.finish()


@router.get(EXPORT_FILE)
def save_datasets(
    desk: SignedInRequest,
    cut: Annotated[str, Query(max_length=40)] = "",
    dataset: Annotated[str, Query(max_length=40)] = "",
    format_: Annotated[str, Query(alias="format", max_length=40)] = "",
    purpose: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    if is_bodiless(desk.request):
        raise HTTPException(405)  # what is not handed over is not made, nor entered in the trail
    named = "" if dataset == EVERYTHING else dataset.upper()
    entry = ExportEntry(narrow_text(cut), purpose, (format_,), dataset=named)
    try:
        file = prepare_download(desk.context, desk.study_code, entry)
    except Refused as refused:
        if refused.code == "unknown_study":
            raise
        page = replace(_page(desk), cut=entry.cut, dataset=dataset, format=format_, purpose=purpose)
        return _refused(desk, page, refused, _SAVING)
    return FileResponse(
        file.path, media_type=file.media_type, filename=file.name, background=BackgroundTask(file.discard)
    )


def _refused(desk: StaffRequest, page: ExportsPage, refused: Refused, form: str) -> Response:
    field = str(refused.details.get("field", "cut" if refused.code == "unknown_cut" else "main"))
    told = (
        Refused("bad_field", field="cut", allowed=[each.name for each in page.cuts])
        if field == "cut"
        else refused
    )
    error = words_by_label(desk, told, LABELS)
    return desk.show(replace(page, failed=form, field=field, error=error), told)


def _page(desk: StaffRequest) -> ExportsPage:
    cuts = list_cuts(desk.context, desk.study_code)
    makers = find_cut_makers(desk.context, cuts)
    study_id = desk.study.id if desk.study else 0
    contents = list_contents(desk.context, study_id)
    return ExportsPage(
        cuts=tuple(_row(each, makers.get(each.made_by, each.made_by)) for each in cuts),
        makes=is_within_reach(desk.context, Permission.CUT_MAKE, study_id),
        datasets=tuple((table.name.lower(), table.name) for table in DATASETS),
        formats=list_formats(),
        withheld=tuple(name for name in LEFT_OUT if name not in contents),
        zone=desk.zone,
    )


def _row(cut: NamedCut, maker: str) -> CutRow:
    return CutRow(cut.name, cut.at, cut.through, cut.purpose, maker)
