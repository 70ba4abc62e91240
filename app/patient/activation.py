"""Activation of a participant's browser: link, short code, second check."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from app.domain.refusal import Refused
from app.i18n.languages import ENGLISH, Language, find_language
from app.patient.forms.page_builders import url_of_form
from app.patient.hand_over import bind_tablet
from app.patient.person.shared_device import bind_newcomer
from app.patient.refusals import NoticePage, PatientRoute, locked_page
from app.patient.request import (
    DeviceRequest,
    ParticipantFields,
    ParticipantRequest,
    identify_device,
    person_frame,
    request_with,
)
from app.patient.second_check_form import has_check_answer, read_check_answer
from app.services.accounts.activation import (
    InvitationContext,
    RequiredCheck,
    activate_device,
    find_invitation,
    find_own_activation,
    redeem_invitation,
)
from app.services.accounts.participant_session import remember_language, unlock_device
from app.services.accounts.second_check import PIN_DIGITS
from app.services.core.context import DeviceContext
from app.services.core.identifiers import new_token
from app.services.core.installation import Installation
from app.web.cookies import bound_tokens, get_cookie, other_tokens, set_cookie
from app.web.dependencies import LANGUAGE_COOKIE, At, CurrentInstallation
from app.web.errors import ask_to_retry
from app.web.form_fields import read_field
from app.web.middleware.forwarding import find_source
from app.web.pages.page_frame import base_frame
from app.web.pages.rendering import Page, render_page
from app.web.refusal_messages import message_of
from app.web.urls import (
    CODE,
    DEVICE_COOKIE,
    MARK,
    PATIENT_HOME,
    PEOPLE,
    PROBE_COOKIE,
    UNLOCK,
    WAY_IN,
    WELCOME,
)


@dataclass(frozen=True, slots=True)
class ActivatePage:
    """Opened from the QR sheet or by typing the short code; only its POST binds this browser.

    `shared`: somebody else is bound in this browser; `wechat`: it is the one inside WeChat;
    `handed_over`: it is the clinic's tablet.
    """

    template: ClassVar[str] = "patient/activate.html"
    action_url: str
    asks_code: bool = False
    error: str = ""  # "" | "wrong" | "throttled" | "busy"
    shared: bool = False
    wechat: bool = False
    handed_over: bool = False


@dataclass(frozen=True, slots=True)
class CheckPage:
    """The second check on the way in: choose a PIN, or give what is known already.

    A wrong answer reads like a wrong code: "wrong" does not tell a guesser which of the two it was.
    """

    template: ClassVar[str] = "patient/check.html"
    asks: str  # "new_pin" | "pin" | "birth_date" | "nothing"
    action_url: str
    error: str = ""  # "" | "format" | "mismatch" | "simple" | "wrong" | "throttled" | "busy"
    code: str = ""  # the short code that was typed, carried on
    shared: bool = False


router = APIRouter(route_class=PatientRoute, include_in_schema=False)

_WECHAT = "MicroMessenger"
_BROWSERS = (_WECHAT, "iPhone", "iPad", "Android", "HarmonyOS", "Windows", "Macintosh", "Linux")
_WAITS = {"throttled": "throttled", "sign_in_busy": "busy"}
_KNOWN_ALREADY = (RequiredCheck.pin, RequiredCheck.birth_date)
"""What can be answered wrongly, and is then asked again."""


@dataclass(frozen=True, slots=True)
class ActivationRequest:
    """Somebody with an invitation, and who is bound in their browser already (None: nobody)."""

    request: Request
    installation: Installation
    at: datetime
    invited: InvitationContext
    bound: ParticipantRequest | None

    @property
    def shared(self) -> bool:
        """Whether another participant is bound in this browser; they stay bound beside the new one."""
        if self.bound is None or self.invited.handed_over:
            return False
        return self.bound.participant.participant_id != self.invited.participant_id

    @property
    def chosen(self) -> Language | None:
        """The language chosen on the way in; what the one before chose for themselves is no choice."""
        chosen = find_language(get_cookie(self.request, LANGUAGE_COOKIE))
        before = self.bound.participant.language if self.bound else ""
        return chosen if chosen is None or chosen.code != before else None

    def show(self, page: Page, status: int = 200) -> Response:
        spoken = self.chosen or find_language(self.invited.language) or ENGLISH
        frame = person_frame(base_frame(self.request).in_language(spoken), self.installation, self.invited)
        return _probing(self.request, render_page(self.request, page, status, frame))


def optional_request(
    request: Request, installation: CurrentInstallation, at: At
) -> ParticipantRequest | None:
    """The request of a browser that may be bound or not."""
    try:
        return identify_device(request, installation, at)
    except Refused:
        return None


def _bound(request: Request, installation: Installation, at: datetime) -> ParticipantRequest | None:
    """The request of the bound browser, or None; refusals are then in the language of the invitation."""
    try:
        return request_with(request, installation, get_cookie(request, DEVICE_COOKIE) or "", at)
    except Refused:
        return None


@router.get(WAY_IN + "{link}")
def show_link(
    request: Request,
    installation: CurrentInstallation,
    at: At,
    link: str,
    bound: Annotated[ParticipantRequest | None, Depends(optional_request)],
) -> Response:
    try:
        invited = find_invitation(installation, link, at)
    except Refused:
        if bound is not None:  # the sheet was scanned again by the phone that it bound
            return RedirectResponse(PEOPLE if other_tokens(request) else PATIENT_HOME, 303)
        if (again := _enter_again(request, installation, link, at)) is not None:
            return again
        raise
    coming = ActivationRequest(request, installation, at, invited, bound)
    page = ActivatePage(f"{WAY_IN}{link}", handed_over=invited.handed_over, wechat=_in_wechat(request))
    return coming.show(replace(page, shared=coming.shared))


@router.post(WAY_IN + "{link}")
def use_link(
    request: Request, installation: CurrentInstallation, at: At, link: str, fields: ParticipantFields
) -> Response:
    if (again := _enter_again(request, installation, link, at)) is not None:
        return again
    invited = redeem_invitation(installation, link, find_source(request), at, fields.get("pin"))
    coming = ActivationRequest(request, installation, at, invited, _bound(request, installation, at))
    if not _keeps_cookies(request, fields):
        return coming.show(NoticePage("no_cookies"), 400)
    return _enter(coming, link, fields, CheckPage(invited.asks.value, f"{WAY_IN}{link}"))


@router.get(CODE)
def show_code(request: Request) -> Response:
    return _probing(
        request, render_page(request, ActivatePage(CODE, asks_code=True, wechat=_in_wechat(request)))
    )


@router.post(CODE)
def use_code(
    request: Request, installation: CurrentInstallation, at: At, fields: ParticipantFields
) -> Response:
    code = read_field(fields, "code")
    if (again := _enter_again(request, installation, code, at)) is not None:
        return again
    try:
        invited = redeem_invitation(installation, code, find_source(request), at, fields.get("pin"))
    except Refused as refused:
        error = _WAITS.get(refused.code, "wrong")
        page = ActivatePage(CODE, True, error, wechat=_in_wechat(request))
        shown = _probing(request, render_page(request, page, message_of(refused).status))
        return ask_to_retry(request, shown, refused)
    coming = ActivationRequest(request, installation, at, invited, _bound(request, installation, at))
    if not _keeps_cookies(request, fields):
        return coming.show(NoticePage("no_cookies"), 400)
    return _enter(coming, code, fields, CheckPage(invited.asks.value, CODE, code=code, shared=coming.shared))


def _probing(request: Request, response: Response) -> Response:
    """The page with a cookie by which its form tells whether this browser keeps any, and which it is."""
    if get_cookie(request, PROBE_COOKIE) is None:
        set_cookie(response, PROBE_COOKIE, new_token())
    return response


def _keeps_cookies(request: Request, fields: Mapping[str, str]) -> bool:
    """Whether the cookie that came with the page of this form came back; nothing is spent before."""
    return PROBE_COOKIE not in fields or _has_cookie(request)


def _has_cookie(request: Request) -> bool:
    return any(get_cookie(request, name) for name in (PROBE_COOKIE, DEVICE_COOKIE, LANGUAGE_COOKIE))


def _enter(coming: ActivationRequest, secret: str, fields: Mapping[str, str], page: CheckPage) -> Response:
    """Ask for the second check; with a good answer, bind this browser and welcome the person."""
    asks, request = coming.invited.asks, coming.request
    if not has_check_answer(fields) and (asks is not RequiredCheck.nothing or page.shared):
        return coming.show(page)
    label, source = _browser(request.headers.get("user-agent", "")), find_source(request)
    try:
        again = read_field(fields, "pin_again")
        answer, browser = read_check_answer(fields), get_cookie(request, PROBE_COOKIE) or ""
        cookie = activate_device(
            coming.installation, secret, answer, again, label, source, coming.at, browser
        )
    except Refused as refused:
        error = _fault(refused, asks, fields)
        if not error:
            raise
        shown = coming.show(replace(page, error=error), message_of(refused).status)
        return ask_to_retry(request, shown, refused)
    if coming.chosen is not None:
        remember_language(DeviceContext.of_cookie(coming.installation, cookie, coming.at), coming.chosen.code)
    newcomer = request_with(request, coming.installation, cookie, coming.at)
    slot = coming.invited.slot
    return _welcome(newcomer, url_of_form(slot) if slot else PATIENT_HOME, shared=coming.shared)


def _enter_again(request: Request, installation: Installation, secret: str, at: datetime) -> Response | None:
    """Let in whom this link or code let in a moment ago in this browser: the answer was lost on the way."""
    cookie = find_own_activation(installation, secret, get_cookie(request, PROBE_COOKIE) or "", at)
    if cookie is None:
        return None
    return _welcome(request_with(request, installation, cookie, at), PATIENT_HOME, shared=False)


def _welcome(newcomer: ParticipantRequest, tablet_url: str, *, shared: bool) -> Response:
    """Bind the browser of the request to its newcomer, unless it is, and lead them on."""
    request = newcomer.request
    if newcomer.cookie in bound_tokens(request):
        return RedirectResponse(PEOPLE if other_tokens(request) else PATIENT_HOME, 303)
    if newcomer.participant.handed_over:
        response = RedirectResponse(tablet_url, 303)
        bind_tablet(request, response, newcomer)
        return response
    response = RedirectResponse(f"{MARK}?new=1" if shared else WELCOME, 303)
    bind_newcomer(request, response, newcomer)
    return response


def _fault(refused: Refused, asks: RequiredCheck, fields: Mapping[str, str]) -> str:
    """The code of the error that the page shows; "" where no second try is offered."""
    pin = read_field(fields, "pin")
    if refused.code == "bad_pin":
        return "simple" if len(pin) == PIN_DIGITS and pin.isdigit() else "format"
    if refused.code == "wrong_link":
        return "wrong" if asks in _KNOWN_ALREADY else ""
    return {"pins_differ": "mismatch", "bad_birth_date": "format", **_WAITS}.get(refused.code, "")


def _in_wechat(request: Request) -> bool:
    return _WECHAT in request.headers.get("user-agent", "")


def _browser(agent: str) -> str:
    """The coarse name of this browser for the list of devices; it identifies nobody."""
    return next((name for name in _BROWSERS if name in agent), "browser")


@router.get(UNLOCK)
def show_unlock(current: DeviceRequest) -> Response:
    return current.show(locked_page(current, UNLOCK))


@router.post(UNLOCK)
def confirm_unlock(current: DeviceRequest, fields: ParticipantFields) -> Response:
    unlock_device(current.context, read_check_answer(fields))
    return RedirectResponse(_back(fields.get("back", "")), 303)


def _back(path: str) -> str:
    """Where the lock came down, when that is a page of ours."""
    ours = r"/(home|sent|settings|welcome|help|f)(/[A-Za-z0-9_-]{1,40}){0,4}"
    return path if re.fullmatch(ours, path) else PATIENT_HOME
