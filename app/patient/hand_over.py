"""The clinic's tablet in a participant's hands: bound for one sitting, and taken back."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.records.participants import HandOverEnd
from app.patient.device_cookies import MOST_OTHERS, other_tokens
from app.patient.request import ParticipantRequest
from app.services.accounts.participant_session import lock_device
from app.services.accounts.shared_device import end_hand_over, list_bound_participants
from app.services.core.context import ParticipantContext
from app.web.cookies import DEVICE_SECONDS, delete_cookie, get_cookie, set_cookie
from app.web.dependencies import LANGUAGE_COOKIE, At, CurrentInstallation
from app.web.pages.rendering import render
from app.web.urls import ASIDE_COOKIE, DEVICE_COOKIE, HANDED_BACK, OTHERS_COOKIE, SIGN_IN


@dataclass(frozen=True, slots=True)
class HandedBackPage:
    """The participant is finished, and gives the tablet back."""

    template: ClassVar[str] = "patient/handed_back.html"
    sign_in_url: str


router = APIRouter(include_in_schema=False)


@router.get(HANDED_BACK)
def show_handed_back(request: Request) -> Response:
    return render(request, HandedBackPage(SIGN_IN))


def bind_tablet(request: Request, response: Response, newcomer: ParticipantRequest) -> None:
    """Make the participant the only one of this browser; others bound in it are locked and wait aside."""
    tokens = [get_cookie(request, DEVICE_COOKIE) or "", *other_tokens(request)]
    here = list_bound_participants(newcomer.installation, tokens, newcomer.at)
    others = [each for each in here if not each.participant.handed_over]
    for other in others:
        lock_device(ParticipantContext(newcomer.installation, other.participant, newcomer.at))
    if others:
        aside = ".".join(each.token for each in others[: MOST_OTHERS + 1])
        set_cookie(response, ASIDE_COOKIE, aside, DEVICE_SECONDS)
    delete_cookie(response, OTHERS_COOKIE)
    set_cookie(response, DEVICE_COOKIE, newcomer.cookie, DEVICE_SECONDS)
    set_cookie(response, LANGUAGE_COOKIE, newcomer.language.code, DEVICE_SECONDS)


def take_back(current: ParticipantRequest, why: HandOverEnd) -> Response:
    """End the hand-over; the cookie stays, so that its pages know that the tablet was handed back."""
    end_hand_over(current.installation, current.cookie, current.at, why)
    return RedirectResponse(HANDED_BACK, 303)


def end_idle_hand_over(request: Request, installation: CurrentInstallation, at: At) -> Response:
    """The same for a tablet that nobody has used for too long, or that was given back before."""
    end_hand_over(installation, get_cookie(request, DEVICE_COOKIE) or "", at, HandOverEnd.idle)
    return RedirectResponse(HANDED_BACK, 303)
