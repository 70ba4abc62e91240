"""What participants asked for: listed oldest first, and closed with what came of it."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.clinic.desk import AtDesk, Desk
from app.clinic.request_pages import RequestRow, RequestsPage
from app.domain.access import Permission
from app.domain.refusal import Refused
from app.services.participant_requests import LISTED, Asked, close_request, open_requests
from app.web.places import DESK

REQUESTS = f"{DESK}/requests"
Typed = Annotated[str, Form(max_length=400)]

router = APIRouter(include_in_schema=False)


@router.get("/desk/requests")
def show_requests(desk: AtDesk, done: str = "") -> Response:
    if not desk.actor.reach(Permission.REQUEST_CLOSE):
        raise HTTPException(403)
    return desk.show(replace(_page(desk), closed=bool(done)))


@router.post("/desk/requests/{request}")
def close(desk: AtDesk, request: int, outcome: Typed = "") -> Response:
    try:
        close_request(desk.daybook, desk.actor, request, outcome, desk.at)
    except Refused as refused:
        if refused.code == "unknown_request":
            raise
        page = replace(_page(desk), failed=request, outcome=outcome, error=desk.words(refused))
        return desk.show(page, refused)
    return RedirectResponse(f"{REQUESTS}?done=1", 303)


def _page(desk: Desk) -> RequestsPage:
    with desk.daybook.read() as session:
        found = open_requests(desk.daybook, session, desk.actor)
    return RequestsPage(tuple(_row(desk, asked) for asked in found), LISTED)


def _row(desk: Desk, asked: Asked) -> RequestRow:
    person, form = f"{DESK}/participants/{asked.participant}", ""
    if asked.instrument:
        instrument = desk.daybook.library.instrument(*asked.instrument)
        form = desk.daybook.name(asked.study, instrument, desk.shell.code)
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
