"""What participants asked for: listed oldest first, and closed with what came of it."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.clinic.request import SignedInRequest, StaffRequest, url_of_participant
from app.domain.records.access import Permission
from app.domain.refusal import Refused
from app.services.clinic.open_requests import LISTED, OpenRequest, close_request, list_open_requests
from app.web.urls import DESK


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


@dataclass(frozen=True, slots=True)
class RequestsPage:
    """Open requests of one's own sites, oldest first; `failed` is the one that could not be closed."""

    template: ClassVar[str] = "clinic/requests.html"
    rows: tuple[RequestRow, ...]
    most: int
    closed: bool = False
    failed: int = 0
    outcome: str = ""
    error: str = ""


REQUESTS = f"{DESK}/requests"
Typed = Annotated[str, Form(max_length=400)]

router = APIRouter(include_in_schema=False)


@router.get("/desk/requests")
def show_requests(desk: SignedInRequest, done: str = "") -> Response:
    if not desk.actor.reach(Permission.REQUEST_CLOSE):
        raise HTTPException(403)
    return desk.show(replace(_page(desk), closed=bool(done)))


@router.post("/desk/requests/{request}")
def close_participant_request(desk: SignedInRequest, request: int, outcome: Typed = "") -> Response:
    try:
        close_request(desk.context, request, outcome)
    except Refused as refused:
        if refused.code == "unknown_request":
            raise
        page = replace(_page(desk), failed=request, outcome=outcome, error=desk.words(refused))
        return desk.show(page, refused)
    return RedirectResponse(f"{REQUESTS}?done=1", 303)


def _page(desk: StaffRequest) -> RequestsPage:
    with desk.installation.read() as session:
        found = list_open_requests(desk.context, session)
    return RequestsPage(tuple(_row(desk, asked) for asked in found), LISTED)


def _row(desk: StaffRequest, asked: OpenRequest) -> RequestRow:
    person, form = url_of_participant(asked.participant), ""
    if asked.instrument:
        instrument = desk.installation.library.instrument(*asked.instrument)
        form = desk.installation.name(asked.study, instrument, desk.frame.code)
    return RequestRow(
        key=asked.request_id,
        kind=asked.kind.value,
        subject=asked.subject,
        url=person,
        site=asked.site,
        form=form,
        form_url=f"{person}/forms/{asked.slot}" if asked.slot else "",
        visit=asked.visit,
        day=asked.for_day,
        asked_at=asked.asked_at,
        zone=asked.zone,
        action_url=f"{REQUESTS}/{asked.request_id}",
    )
