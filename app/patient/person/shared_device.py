"""One phone, several participants: who is active in this browser, switching, and logging out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from app.domain.records.participants import HandOverEnd
from app.domain.refusal import Refused
from app.i18n import formats
from app.patient.hand_over import end_hand_over_session
from app.patient.person.device_cookies import renew_device_cookies, set_device_cookies
from app.patient.person.marks import give_marks, keep_marks, read_marks
from app.patient.refusals import PatientRoute
from app.patient.request import DeviceRequest, ParticipantFields, ParticipantRequest, UnlockedRequest
from app.services.accounts.devices import list_own_devices
from app.services.accounts.participant_session import lock_device, sign_out_device
from app.services.accounts.shared_device import BoundParticipant, list_bound_participants
from app.services.core.context import ParticipantContext
from app.web.cookies import (
    DEVICE_SECONDS,
    MOST_OTHERS,
    bound_tokens,
    delete_cookie,
    other_tokens,
    set_cookie,
)
from app.web.dependencies import LANGUAGE_COOKIE
from app.web.urls import DEVICE_COOKIE, LEAVE, MARK, OTHERS_COOKIE, PATIENT_HOME, PEOPLE, SETTINGS


@dataclass(frozen=True, slots=True)
class BoundPeoplePage:
    """Who is bound in this browser: as numbers, because names and codes would tell who takes part.

    `others` have the mark that each of them chose. `mark_url` is where one's own is chosen.
    """

    template: ClassVar[str] = "patient/people.html"
    action_url: str
    home_url: str
    here: int
    others: tuple[tuple[int, Markup], ...]
    logged_out: bool = False
    mark_url: str = MARK


@dataclass(frozen=True, slots=True)
class LogOutPage:
    """Logging out, before anything happens: of which phone, and what then.

    `label` and `bound` name the phone; `shared`: others use it too.
    """

    template: ClassVar[str] = "patient/log_out.html"
    action_url: str
    cancel_url: str
    label: str
    bound: str
    shared: bool


router = APIRouter(route_class=PatientRoute, include_in_schema=False)


def bind_newcomer(request: Request, response: Response, newcomer: ParticipantRequest) -> None:
    """Make the newly bound participant the active one of this browser; the earlier one is locked.

    A browser of the same person is replaced, and whoever would be a sixth has to be let in again.
    Everybody here gets a mark that tells their pages from the others'.
    """
    here = _bound_participants(newcomer, bound_tokens(request))
    own = [
        device for device in here if device.participant.participant_id == newcomer.participant.participant_id
    ]
    others = [device for device in here if device not in own]
    for gone in (*own, *others[MOST_OTHERS:]):
        sign_out_device(ParticipantContext(newcomer.installation, gone.participant, newcomer.at))
    del others[MOST_OTHERS:]
    for other in others:
        lock_device(ParticipantContext(newcomer.installation, other.participant, newcomer.at))
    set_device_cookies(response, (newcomer.cookie, *(other.token for other in others)))
    marks, device = read_marks(request), newcomer.participant.device_id
    for gone in own:  # who comes back to the same phone keeps their mark
        if gone.participant.device_id in marks:
            marks[device] = marks.pop(gone.participant.device_id)
    keep_marks(response, give_marks(marks, (*(other.participant.device_id for other in others), device)))
    set_cookie(response, LANGUAGE_COOKIE, newcomer.language.code, DEVICE_SECONDS)


def list_bound_here(current: ParticipantRequest) -> tuple[BoundParticipant, ...]:
    """Everybody bound in this browser, in the order in which they were bound."""
    bound = _bound_participants(current, (current.cookie, *other_tokens(current.request)))
    return tuple(sorted(bound, key=lambda newcomer: newcomer.participant.device_id))


def _bound_participants(current: ParticipantRequest, tokens: Sequence[str]) -> tuple[BoundParticipant, ...]:
    return list_bound_participants(current.installation, tokens, current.at)


@router.get(PEOPLE)
def show_people(current: DeviceRequest, left: bool = False) -> Response:
    here = list_bound_here(current)
    marks = give_marks(read_marks(current.request), [device.participant.device_id for device in here])
    numbers = {device.token: number for number, device in enumerate(here, start=1)}
    others = tuple(
        (numbers[device.token], current.draw_mark(marks[device.participant.device_id]))
        for device in here
        if device.token != current.cookie
    )
    response = current.show(BoundPeoplePage(PEOPLE, PATIENT_HOME, numbers[current.cookie], others, left))
    renew_device_cookies(response, current.cookie, other_tokens(current.request))
    keep_marks(response, marks)
    return response


@router.post(PEOPLE)
def switch_person(current: DeviceRequest, fields: ParticipantFields) -> Response:
    here = list_bound_here(current)
    chosen = fields.get("person", "")
    if chosen not in {str(number) for number in range(1, len(here) + 1)}:
        raise Refused("unknown_choice", field="person", allowed=tuple(range(1, len(here) + 1)))
    entered = here[int(chosen) - 1]
    if entered.token == current.cookie:
        return RedirectResponse(PATIENT_HOME, 303)
    lock_device(current.context)
    rest = [device.token for device in here if device.token not in (current.cookie, entered.token)]
    response = RedirectResponse(PATIENT_HOME, 303)
    set_device_cookies(response, (entered.token, current.cookie, *rest))
    set_cookie(response, LANGUAGE_COOKIE, entered.participant.language, DEVICE_SECONDS)
    return response


@router.get(LEAVE)
def show_log_out(current: UnlockedRequest) -> Response:
    here = next(
        device
        for device in list_own_devices(current.context)
        if device.device_id == current.participant.device_id
    )
    bound = formats.format_local_time(here.bound_at, current.participant.zone, current.language)
    return current.show(LogOutPage(LEAVE, SETTINGS, here.label, bound, bool(other_tokens(current.request))))


@router.post(LEAVE)
def log_out(current: DeviceRequest) -> Response:
    """Log the active person out; another who is bound here may go on, after their own second check."""
    if current.participant.handed_over:
        return end_hand_over_session(current, HandOverEnd.returned)
    others = [device for device in list_bound_here(current) if device.token != current.cookie]
    sign_out_device(current.context)
    marks = read_marks(current.request)
    marks.pop(current.participant.device_id, None)
    if others:
        response = current.finish()
        set_device_cookies(response, [other.token for other in others])
    else:
        response = RedirectResponse("/", 303)
        delete_cookie(response, DEVICE_COOKIE)
        delete_cookie(response, OTHERS_COOKIE)
    keep_marks(response, give_marks(marks, [other.participant.device_id for other in others]))
    return response
