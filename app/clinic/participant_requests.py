"""What participants asked for: listed oldest first, and closed with what came of it."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.addresses import (
    build_address,
    format_list_cursor,
    parse_list_cursor,
    parse_list_position,
)
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.request import SignedInRequest, StaffRequest, url_of_participant
from app.domain.desk.list_cursor import ListCursor
from app.domain.records.participants import TeamRequestKind
from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text
from app.i18n.marking import N_
from app.services.clinic.open_requests import (
    LISTED,
    OpenRequest,
    close_request,
    read_request_list,
)
from app.web.acts import STALE
from app.web.form_fields import ActWords, RowNumber
from app.web.urls import REQUEST, REQUESTS


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One open request; a call has no form."""

    key: int
    kind: str  # "call" | "correction"
    subject: str
    url: str
    site: str
    form: str
    form_url: str
    visit: str
    day: date | None
    asked_at: datetime
    zone: str
    action_url: str
    died: bool = False
    proposed: bool = False
    call_url: str = ""  # where the call is logged that closes it; "" where it can be closed here


@dataclass(frozen=True, slots=True)
class RequestsPage:
    """A page of open requests of one's own sites, oldest first; `site` narrows them to one of `sites`.

    `failed` is the one that could not be closed.
    """

    template: ClassVar[str] = "clinic/requests.html"
    rows: tuple[RequestRow, ...]
    sites: tuple[tuple[str, str], ...]
    site: str
    next_url: str
    closed: bool = False
    failed: int = 0
    outcome: str = ""
    lost: str = ""  # what was typed for a request that is not open any more
    faults: FormFaults = NO_FAULTS


LABELS = {"outcome": N_("Outcome")}

router = APIRouter(include_in_schema=False)


@router.get(REQUESTS)
def show_requests(request: SignedInRequest, done: str = "") -> Response:
    """The requests that the address chooses, which is where closing one of them leads back."""
    return request.show(replace(_page(request), closed=bool(done)))


@router.post(REQUEST)
def close_participant_request(
    staff_request: SignedInRequest, request: RowNumber, outcome: ActWords = ""
) -> Response:
    try:
        close_request(staff_request.context, request, outcome)
    except Refused as refused:
        if refused.code == "unknown_request":
            raise
        page = _page(staff_request)
        lost = "" if any(row.key == request for row in page.rows) else outcome
        faults = list_faults(
            staff_request, refused, LABELS, form=str(request), prefix=f"request-{request}-", find=_find_field
        )
        page = replace(page, failed=request, outcome=outcome, lost=lost, faults=faults)
        return staff_request.show(page, refused)
    return staff_request.finish()


def _find_field(refused: Refused) -> str:
    """The one box of the form, whatever is refused of it."""
    return "main" if refused.code in (*STALE, "call_not_logged") else "outcome"


def _page(request: StaffRequest) -> RequestsPage:
    shown = parse_list_position(request.frame.list_url, REQUESTS)
    site, after = narrow_text(shown.get("site", "")), parse_list_cursor(shown.get("after", ""))
    known = read_request_list(request.context, site, after)
    listed = known.requests
    last = listed[LISTED - 1] if len(listed) > LISTED else None
    further = format_list_cursor(ListCursor(last.asked_at, last.request_id)) if last else ""
    url = build_address(REQUESTS, {"site": site, "after": further})
    return RequestsPage(
        rows=tuple(_row(request, open_request) for open_request in listed[:LISTED]),
        sites=tuple((site.code, f"{site.code} {site.name}") for site in known.sites),
        site=site,
        next_url=request.frame.within(url) if further else "",
    )


def _row(request: StaffRequest, entry: OpenRequest) -> RequestRow:
    person, form = url_of_participant(entry.participant), ""
    is_to_call = entry.kind is TeamRequestKind.call and not (entry.reached or entry.died)
    if entry.instrument:
        instrument = request.installation.library.get_instrument(*entry.instrument)
        form = request.installation.name_instrument(entry.study, instrument, request.frame.code)
    return RequestRow(
        key=entry.request_id,
        kind=entry.kind.value,
        subject=entry.subject,
        url=person,
        site=entry.site,
        form=form,
        form_url=f"{person}/forms/{entry.slot}" if entry.slot else "",
        visit=entry.visit,
        day=entry.for_day,
        asked_at=entry.asked_at,
        zone=entry.zone,
        action_url=request.frame.within(REQUEST.format(request=entry.request_id)),
        died=entry.died,
        proposed=entry.proposed,
        call_url=f"{person}/contacts?back=participant" if is_to_call else "",
    )
