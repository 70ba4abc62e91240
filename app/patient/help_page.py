"""Help, which is open to anybody; asking to be called, and withdrawing that, for whoever is known."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from app.domain.refusal import Refused
from app.i18n import formats
from app.patient.activation import optional_request
from app.patient.refusals import PatientRoute
from app.patient.request import DeviceRequest, FormerPost, ParticipantRequest, ReachableRequest
from app.services.patient.site_help import NO_SITE, SiteHelp, get_site_help
from app.services.patient.team_requests import pending_call_request, request_call, withdraw_call
from app.web.acts import STALE
from app.web.pages.rendering import render_page
from app.web.refusal_messages import message_of
from app.web.urls import CALL, CALL_FORM, CALL_WITHDRAWAL, HELP


@dataclass(frozen=True, slots=True)
class HelpPage:
    """Who to call and how to get a new link; open to anybody.

    Whoever is known may ask to be called; `requested` is when they did. `next_on`: the day on which somebody
    is there again, where that is not today. `withdrawn`: they have just withdrawn what they asked for.
    """

    template: ClassVar[str] = "patient/help.html"
    site: SiteHelp = NO_SITE
    call_url: str = ""
    requested: str = ""
    next_on: str = ""
    withdraw_url: str = ""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class CallPage:
    """Asking to be called, before anything happens: whom we call at which number, and when."""

    template: ClassVar[str] = "patient/call.html"
    action_url: str
    cancel_url: str
    site: SiteHelp
    next_on: str = ""


@dataclass(frozen=True, slots=True)
class CallWithdrawalPage:
    """Withdrawing the request for a call; `requested` is when it was made, "" where none is open any more.

    `error`: why nothing was done.
    """

    template: ClassVar[str] = "patient/call_withdrawal.html"
    action_url: str
    cancel_url: str
    requested: str
    error: str = ""


router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get(HELP)
def show_help(
    request: Request,
    bound: Annotated[ParticipantRequest | None, Depends(optional_request)],
    withdrawn: bool = False,
) -> Response:
    if bound is None:
        return render_page(request, HelpPage())
    requested, site = _requested_at(bound), get_site_help(bound.context)
    withdrawn = withdrawn and not requested
    next_on = _next_on(bound, site)
    return bound.show(HelpPage(site, CALL, requested, next_on, CALL_WITHDRAWAL, withdrawn))


@router.get(CALL)
def post_call_request(current: DeviceRequest) -> Response:
    """What will happen, before it is asked for; whoever has asked already is shown that."""
    if _requested_at(current):
        return RedirectResponse(CALL_FORM, 303)
    site = get_site_help(current.context)
    return current.show(CallPage(CALL, HELP, site, _next_on(current, site)))


@router.post(CALL)
def request_call_back(current: DeviceRequest) -> Response:
    """Also for a browser that is locked and for who left: neither shows anything, and both may need us."""
    request_call(current.context)
    return current.finish()


@router.get(CALL_WITHDRAWAL)
def show_call_withdrawal(current: ReachableRequest) -> Response:
    return _show_withdrawal(current)


@router.post(CALL_WITHDRAWAL)
def withdraw_call_back(post: FormerPost) -> Response:
    """Only for a browser that is not locked: whoever picks it up must not undo that somebody wants help."""
    try:
        withdraw_call(post.current.context)
    except Refused as refused:
        if refused.code not in STALE | {"request_closed"}:
            raise
        return _show_withdrawal(post.current, refused)
    return post.current.finish()


def _show_withdrawal(current: ParticipantRequest, refused: Refused | None = None) -> Response:
    error = refused.code if refused else ""
    page = CallWithdrawalPage(CALL_WITHDRAWAL, CALL_FORM, _requested_at(current), error)
    return current.show(page, message_of(refused).status if refused else 200)


def _requested_at(current: ParticipantRequest) -> str:
    """When the call was asked for that is still to come, "" where there is none."""
    moment = pending_call_request(current.context)
    return formats.format_local_time(moment, current.participant.zone, current.language) if moment else ""


def _next_on(current: ParticipantRequest, site: SiteHelp) -> str:
    return formats.format_day(site.next_on, current.language) if site.next_on else ""
