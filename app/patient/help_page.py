"""Help, which is open to anybody, and asking to be called, for whoever is known."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.i18n import formats
from app.patient.activation import optional_request
from app.patient.refusals import PatientRoute
from app.patient.request import DeviceRequest, ParticipantRequest
from app.services.patient.site_help import NO_SITE, SiteHelp, get_site_help
from app.services.patient.team_requests import pending_call_request, request_call
from app.web.pages.rendering import render
from app.web.urls import CALL, HELP


@dataclass(frozen=True, slots=True)
class HelpPage:
    """Who to call and how to get a new link; open to anybody.

    Whoever is known may ask to be called; `asked` is when they did. `next_on`: the day on which somebody is
    there again, where that is not today.
    """

    template: ClassVar[str] = "patient/help.html"
    site: SiteHelp = NO_SITE
    call_url: str = ""
    asked: str = ""
    next_on: str = ""


router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get(HELP)
def show_help(
    request: Request, bound: Annotated[ParticipantRequest | None, Depends(optional_request)]
) -> Response:
    if bound is None:
        return render(request, HelpPage())
    asked_at, visitor = pending_call_request(bound.context), bound.participant
    requested = formats.format_local_time(asked_at, visitor.zone, bound.language) if asked_at else ""
    site = get_site_help(bound.context)
    next_on = formats.format_day(site.next_on, bound.language) if site.next_on else ""
    return bound.show(HelpPage(site, CALL, requested, next_on))


@router.post(CALL)
def request_call_back(current: DeviceRequest) -> Response:
    """Also for a browser that is locked and for who left: neither shows anything, and both may need us."""
    request_call(current.context)
    return current.finish()
