"""The participant's way in: link, short code, second check."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from app.domain.refusal import Refused
from app.i18n.languages import ENGLISH, Language, language
from app.patient.checks import answer_of, answered
from app.patient.pages import ActivatePage, CheckPage
from app.patient.refusals import PatientRoute, locked_page
from app.patient.sharing import admit
from app.patient.tokens import others_of
from app.patient.visits import Known, Posted, Visit, framed, known, visit_with
from app.services.activation import Asks, Invited, activate, invitation, take_up
from app.services.entry import speak, unlock
from app.services.installation import Installation
from app.services.second_check import PIN_DIGITS
from app.web.cookies import kept
from app.web.dependencies import LANGUAGE_COOKIE, At, Daybook
from app.web.pages import Page, render
from app.web.places import CODE, DEVICE_COOKIE, PATIENT_HOME, PEOPLE, WAY_IN, WELCOME
from app.web.shell import base_shell
from app.web.typed_dates import typed
from app.web.wording import wording_of

router = APIRouter(route_class=PatientRoute, include_in_schema=False)

_WECHAT = "MicroMessenger"
_BROWSERS = (_WECHAT, "iPhone", "iPad", "Android", "HarmonyOS", "Windows", "Macintosh", "Linux")
_KNOWN_ALREADY = (Asks.pin, Asks.birth_date)
"""What can be answered wrongly, and is then asked again."""


@dataclass(frozen=True, slots=True)
class Coming:
    """Somebody with an invitation, and who is bound in their browser already (None: nobody)."""

    request: Request
    daybook: Installation
    at: datetime
    invited: Invited
    bound: Visit | None

    @property
    def shared(self) -> bool:
        """Whether the one who is bound here is another participant (P2.4)."""
        return self.bound is not None and self.bound.visitor.participant_id != self.invited.participant_id

    @property
    def chosen(self) -> Language | None:
        """The language chosen on the way in; what the one before chose for themselves is no choice."""
        chosen = language(kept(self.request, LANGUAGE_COOKIE))
        before = self.bound.visitor.language if self.bound else ""
        return chosen if chosen is None or chosen.code != before else None

    def show(self, page: Page, status: int = 200) -> Response:
        spoken = self.chosen or language(self.invited.language) or ENGLISH
        frame = framed(base_shell(self.request).speaking(spoken), self.daybook, self.invited)
        return render(self.request, page, status, frame)


def guest(request: Request, daybook: Daybook, at: At) -> Visit | None:
    """The visit of a browser that may be bound or not."""
    try:
        return known(request, daybook, at)
    except Refused:
        return None


def _bound(request: Request, daybook: Installation, at: datetime) -> Visit | None:
    """The same, where a refusal is told to the newcomer and not to whoever was here before."""
    try:
        return visit_with(request, daybook, kept(request, DEVICE_COOKIE) or "", at)
    except Refused:
        return None


@router.get(WAY_IN + "{link}")
def show_link(
    request: Request, daybook: Daybook, at: At, link: str, bound: Annotated[Visit | None, Depends(guest)]
) -> Response:
    try:
        with daybook.read() as session:
            invited = invitation(daybook, session, link, at)
    except Refused:
        if bound is None:
            raise
        # The sheet was scanned again by the phone that it bound.
        return RedirectResponse(PEOPLE if others_of(request) else PATIENT_HOME, 303)
    coming = Coming(request, daybook, at, invited, bound)
    return coming.show(ActivatePage(f"{WAY_IN}{link}", shared=coming.shared, wechat=_in_wechat(request)))


@router.post(WAY_IN + "{link}")
def use_link(request: Request, daybook: Daybook, at: At, link: str, fields: Posted) -> Response:
    invited = take_up(daybook, link, _source(request), at, fields.get("pin"))
    coming = Coming(request, daybook, at, invited, _bound(request, daybook, at))
    return _enter(coming, link, fields, CheckPage(invited.asks.value, f"{WAY_IN}{link}"))


@router.get(CODE)
def show_code(request: Request) -> Response:
    return render(request, ActivatePage(CODE, asks_code=True, wechat=_in_wechat(request)))


@router.post(CODE)
def use_code(request: Request, daybook: Daybook, at: At, fields: Posted) -> Response:
    code = typed(fields, "code")
    try:
        invited = take_up(daybook, code, _source(request), at, fields.get("pin"))
    except Refused as refused:
        error = "throttled" if refused.code == "throttled" else "wrong"
        page = ActivatePage(CODE, True, error, wechat=_in_wechat(request))
        return render(request, page, wording_of(refused).status)
    coming = Coming(request, daybook, at, invited, _bound(request, daybook, at))
    return _enter(coming, code, fields, CheckPage(invited.asks.value, CODE, code=code, shared=coming.shared))


def _enter(coming: Coming, secret: str, fields: Mapping[str, str], page: CheckPage) -> Response:
    """Ask for the second check; with a good answer, bind this browser and welcome the person."""
    asks, request = coming.invited.asks, coming.request
    if not answered(fields) and (asks is not Asks.nothing or page.shared):
        return coming.show(page)
    label, source = _browser(request.headers.get("user-agent", "")), _source(request)
    try:
        again = typed(fields, "pin_again")
        cookie = activate(coming.daybook, secret, answer_of(fields), again, label, source, coming.at)
    except Refused as refused:
        error = _fault(refused, asks, fields)
        if not error:
            raise
        return coming.show(replace(page, error=error), wording_of(refused).status)
    if coming.chosen is not None:
        speak(coming.daybook, cookie, coming.chosen.code, coming.at)
    response = RedirectResponse(WELCOME, 303)
    admit(request, response, visit_with(request, coming.daybook, cookie, coming.at))
    return response


def _fault(refused: Refused, asks: Asks, fields: Mapping[str, str]) -> str:
    """How the page tells what was wrong; "" where asking again is of no use."""
    pin = typed(fields, "pin")
    if refused.code == "bad_pin":
        return "simple" if len(pin) == PIN_DIGITS and pin.isdigit() else "format"
    if refused.code == "wrong_link":
        return "wrong" if asks in _KNOWN_ALREADY else ""
    return {"pins_differ": "mismatch", "bad_birth_date": "format", "throttled": "throttled"}.get(
        refused.code, ""
    )


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


def _in_wechat(request: Request) -> bool:
    return _WECHAT in request.headers.get("user-agent", "")


def _browser(agent: str) -> str:
    """What the list of devices calls this browser: coarse, so that it tells nothing else."""
    return next((name for name in _BROWSERS if name in agent), "browser")


@router.get("/unlock")
def show_unlock(visit: Known) -> Response:
    return visit.show(locked_page(visit, "/unlock"))


@router.post("/unlock")
def confirm(visit: Known, fields: Posted) -> Response:
    unlock(visit.daybook, visit.visitor, answer_of(fields), visit.at)
    return RedirectResponse(_back(fields.get("back", "")), 303)


def _back(path: str) -> str:
    """Where the lock came down, when that is a page of ours."""
    ours = r"/(home|sent|settings|welcome|help|f)(/[A-Za-z0-9_-]{1,40}){0,4}"
    return path if re.fullmatch(ours, path) else PATIENT_HOME
