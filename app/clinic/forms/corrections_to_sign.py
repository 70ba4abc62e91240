"""The list "To sign", for others "Corrections": those that wait for a signature, and those decided."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.clinic.forms.answer_rows import name_form
from app.clinic.forms.correction_decision import url_of_correction
from app.clinic.frame.addresses import build_address, format_list_cursor, parse_list_cursor
from app.clinic.request import SignedInRequest, StaffRequest
from app.domain.typed_text import narrow_text
from app.services.clinic.corrections.correction_list import CorrectionSummary, list_corrections
from app.web.form_fields import ShortQuery
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
    overtaken: bool
    outcome: str
    decided_at: datetime | None
    decided_by: str


@dataclass(frozen=True, slots=True)
class ToSignPage:
    """A page of corrections that wait (or, with `decided`, of decided ones), of one of `sites` or of all.

    `signs`: this reader decides them, and does not only see what became of them.
    """

    template: ClassVar[str] = "clinic/to_sign.html"
    signs: bool
    decided: bool
    waiting_url: str
    decided_url: str
    rows: tuple[CorrectionRow, ...]
    sites: tuple[tuple[str, str], ...]
    site: str
    next_url: str


router = APIRouter(include_in_schema=False)


@router.get(CORRECTIONS)
def show_corrections(
    request: SignedInRequest, decided: str = "", site: ShortQuery = "", after: ShortQuery = ""
) -> Response:
    if request.study is None:
        raise HTTPException(404)
    done, site, within = decided == "1", narrow_text(site), request.frame.within
    cursor = parse_list_cursor(after)
    listed = list_corrections(request.context, request.study.id, waiting=not done, site=site, after=cursor)
    chosen = {"decided": "1" if done else "", "site": site}
    further = format_list_cursor(listed.next) if listed.next else ""
    page = ToSignPage(
        signs=request.offers_route(CORRECTION, "POST"),
        decided=done,
        waiting_url=within(build_address(CORRECTIONS, {"site": site})),
        decided_url=within(build_address(CORRECTIONS, {"decided": "1", "site": site})),
        rows=tuple(_row(request, request.study.code, row) for row in listed.rows),
        sites=tuple((site.code, f"{site.code} {site.name}") for site in listed.sites),
        site=site,
        next_url=within(build_address(CORRECTIONS, {**chosen, "after": further})) if further else "",
    )
    return request.show(page)


def _row(request: StaffRequest, study: str, summary: CorrectionSummary) -> CorrectionRow:
    library = request.installation.library
    plan, instrument = (
        library.get_plan(study, summary.plan_version),
        library.get_instrument(*summary.instrument),
    )
    return CorrectionRow(
        url=url_of_correction(summary),
        subject=summary.subject,
        site=summary.site,
        form=name_form(request.installation, plan, instrument, request.frame.code),
        visit=summary.visit,
        day=summary.for_day,
        zone=summary.zone,
        items=summary.items,
        proposed_at=summary.proposed_at,
        proposed_by=summary.proposed_by,
        own=summary.own,
        signable=summary.signable,
        askable=summary.askable,
        overtaken=summary.overtaken,
        outcome=summary.outcome.value if summary.outcome else "",
        decided_at=summary.decided_at,
        decided_by=summary.decided_by,
    )
