"""The clinic's tablet in a participant's hands: bound for one sitting, and taken back."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.records.participants import HandOverEnd
from app.patient.request import ParticipantRequest
from app.services.accounts.shared_device import end_hand_over, lock_bound_participants
from app.web.cookies import DEVICE_SECONDS, bound_tokens, set_cookie, set_devices_aside
from app.web.dependencies import LANGUAGE_COOKIE, get_device_context
from app.web.pages.rendering import render_page
from app.web.urls import HANDED_BACK, SIGN_IN


@dataclass(frozen=True, slots=True)
class HandedBackPage:
    """The participant is finished, and gives the tablet back."""

    template: ClassVar[str] = "patient/handed_back.html"
    sign_in_url: str


router = APIRouter(include_in_schema=False)


@router.get(HANDED_BACK)
def show_handed_back(request: Request) -> Response:
    return render_page(request, HandedBackPage(SIGN_IN))


def bind_tablet(request: Request, response: Response, newcomer: ParticipantRequest) -> None:
    """Make the participant the only one of this browser; others bound in it are locked and wait aside."""
    tokens = lock_bound_participants(newcomer.installation, bound_tokens(request), newcomer.at)
    set_devices_aside(request, response, tokens, newcomer.cookie)
    set_cookie(response, LANGUAGE_COOKIE, newcomer.language.code, DEVICE_SECONDS)


def end_hand_over_session(current: ParticipantRequest, why: HandOverEnd) -> Response:
    """End the hand-over; the cookie stays, so that its pages know that the tablet was handed back."""
    end_hand_over(current.context.device, why)
    return RedirectResponse(HANDED_BACK, 303)


def end_idle_hand_over(request: Request) -> Response:
    """End the hand-over of a tablet that nobody has used for too long, or that was given back before."""
    end_hand_over(get_device_context(request), HandOverEnd.idle)
    return RedirectResponse(HANDED_BACK, 303)
