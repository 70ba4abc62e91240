"""Help, which is open to anybody, and asking to be called, for whoever is known."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from app.i18n import formats
from app.patient.entrance import guest
from app.patient.person_pages import HelpPage
from app.patient.refusals import PatientRoute
from app.patient.visits import Known, Visit
from app.services.participant_requests import ask_for_call, called_for
from app.web.pages import render

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get("/help")
def show_help(request: Request, bound: Annotated[Visit | None, Depends(guest)]) -> Response:
    if bound is None:
        return render(request, HelpPage())
    asked_at, visitor = called_for(bound.daybook, bound.visitor), bound.visitor
    asked = formats.told(asked_at, visitor.zone, bound.language) if asked_at else ""
    return bound.show(HelpPage(visitor.site.hours, "/help/call", asked))


@router.post("/help/call")
def ask_call(visit: Known) -> Response:
    """Also for a browser that is locked and for who left: neither shows anything, and both may need us."""
    ask_for_call(visit.daybook, visit.visitor, visit.at)
    return RedirectResponse("/help#call", 303)
