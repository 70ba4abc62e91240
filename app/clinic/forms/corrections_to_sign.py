"""The list "To sign", for others "Corrections": those that wait for a signature, and those decided."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.clinic.forms.answer_rows import name_form
from app.clinic.forms.correction_decision import url_of_correction
from app.clinic.request import SignedInRequest, StaffRequest
from app.services.clinic.corrections.correction_list import (
    LISTED,
    CorrectionSummary,
    list_corrections,
)
from app.web.urls import CORRECTION, CORRECTIONS


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """One correction of the list; no answer in it."""

    url: str
    subject: str
    site: str
    form: str
    visit: str
    day: date | None
    zone: str
    items: int
    proposed_at: datetime
    proposed_by: str
    own: bool
    signable: bool
    askable: tuple[str, ...]
    outcome: str
    decided_at: datetime | None
    decided_by: str


@dataclass(frozen=True, slots=True)
class ToSignPage:
    """Corrections that wait (or, with `decided`, those that were decided), at most `most` of them.

    `signs`: this reader decides them, and does not only see what became of them.
    """

    template: ClassVar[str] = "clinic/to_sign.html"
    signs: bool
    decided: bool
    waiting_url: str
    decided_url: str
    rows: tuple[CorrectionRow, ...]
    most: int


router = APIRouter(include_in_schema=False)


@router.get(CORRECTIONS)
def show_corrections(desk: SignedInRequest, decided: str = "") -> Response:
    if desk.study is None:
        raise HTTPException(404)
    listed = list_corrections(desk.context, desk.study.id, waiting=decided != "1")
    page = ToSignPage(
        signs=desk.offers(CORRECTION, "POST"),
        decided=decided == "1",
        waiting_url=desk.frame.within(CORRECTIONS),
        decided_url=desk.frame.within(f"{CORRECTIONS}?decided=1"),
        rows=tuple(_row(desk, desk.study.code, each) for each in listed),
        most=LISTED,
    )
    return desk.show(page)


def _row(desk: StaffRequest, study: str, summary: CorrectionSummary) -> CorrectionRow:
    library = desk.installation.library
    plan, instrument = library.plan(study, summary.plan_version), library.instrument(*summary.instrument)
    return CorrectionRow(
        url=url_of_correction(summary),
        subject=summary.subject,
        site=summary.site,
        form=name_form(desk.installation, plan, instrument, desk.frame.code),
        visit=summary.visit,
        day=summary.for_day,
        zone=summary.zone,
        items=summary.items,
        proposed_at=summary.proposed_at,
        proposed_by=summary.proposed_by,
        own=summary.own,
        signable=summary.signable,
        askable=summary.askable,
        outcome=summary.outcome.value if summary.outcome else "",
        decided_at=summary.decided_at,
        decided_by=summary.decided_by,
    )
