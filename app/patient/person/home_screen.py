"""How these pages are put on the home screen, in words for each kind of phone; nothing asks for it twice."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.patient.person.device_cookies import renew_device_cookies
from app.patient.person.marks import renew_marks
from app.patient.refusals import PatientRoute
from app.patient.request import ParticipantPost, ParticipantRequest, UnlockedRequest
from app.web.cookies import DEVICE_SECONDS, get_cookie, other_tokens, set_cookie
from app.web.urls import DEVICES, HINT_COOKIE, HOME_SCREEN, PATIENT_HOME, SETTINGS

PLATFORMS = ("wechat", "iphone", "android", "other")
_PUT_AWAY = "1"


@dataclass(frozen=True, slots=True)
class HomeScreenPage:
    """The steps for each kind of phone, those for the one in the hand first."""

    template: ClassVar[str] = "patient/home_screen.html"
    platforms: tuple[str, ...]
    devices_url: str
    back_url: str


router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get(HOME_SCREEN)
def show_steps(current: UnlockedRequest) -> Response:
    here = find_platform(current.request)
    others = (platform for platform in PLATFORMS if platform not in (here, "wechat"))
    return current.show(HomeScreenPage((here, *others), DEVICES, SETTINGS))


@router.post(HOME_SCREEN)
def put_hint_away(post: ParticipantPost) -> Response:
    """Show the hint on this phone no more; that is kept on the phone alone."""
    request, response = post.current.request, RedirectResponse(PATIENT_HOME, 303)
    renew_device_cookies(response, post.current.cookie, other_tokens(request))
    renew_marks(request, response)
    set_cookie(response, HINT_COOKIE, _PUT_AWAY, DEVICE_SECONDS)
    return response


def find_platform(request: Request) -> str:
    """The kind of phone that asks, by what its browser says of itself."""
    agent = request.headers.get("user-agent", "")
    if "MicroMessenger" in agent:
        return "wechat"
    if "iPhone" in agent or "iPad" in agent:
        return "iphone"
    return "android" if "Android" in agent else "other"


def hint_url(current: ParticipantRequest) -> str:
    """Where the hint on home leads; "" on the clinic's tablet, and where it was put away."""
    away = get_cookie(current.request, HINT_COOKIE) is not None
    return "" if away or current.participant.handed_over else HOME_SCREEN
