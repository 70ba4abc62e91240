"""The participant's way in: link, short code and PIN."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from app.domain.refusal import Refused
from app.i18n.languages import language
from app.patient.pages import ActivatePage, PinPage
from app.patient.refusals import KEPT_FOR, PatientRoute
from app.patient.visits import Known, Posted, Visit, invited_shell, known
from app.services.entry import PIN_DIGITS, Invited, activate, invitation, speak, take_up, unlock
from app.services.installation import Installation
from app.web.cookies import keep, kept
from app.web.dependencies import LANGUAGE_COOKIE, At, Daybook, now_of
from app.web.pages import render
from app.web.places import CODE, DEVICE_COOKIE, PATIENT_HOME
from app.web.wording import wording_of

router = APIRouter(route_class=PatientRoute, include_in_schema=False)

_BROWSERS = ("MicroMessenger", "iPhone", "iPad", "Android", "HarmonyOS", "Windows", "Macintosh", "Linux")


def guest(request: Request, daybook: Daybook, at: At) -> Visit | None:
    """The visit of a browser that may be bound or not."""
    try:
        return known(request, daybook, at)
    except Refused:
        return None


@router.get("/a/{link}")
def show_link(
    request: Request, daybook: Daybook, at: At, link: str, bound: Annotated[Visit | None, Depends(guest)]
) -> Response:
    try:
        with daybook.read() as session:
            invited = invitation(session, link, at)
    except Refused:
        if bound is None:
            raise
        return RedirectResponse(PATIENT_HOME, 303)  # the sheet was scanned again by the phone that it bound
    return render(request, ActivatePage(f"/a/{link}"), shell=invited_shell(request, daybook, invited))


@router.post("/a/{link}")
def use_link(request: Request, daybook: Daybook, at: At, link: str, fields: Posted) -> Response:
    invited = take_up(daybook, link, _source(request), at)
    return _enter(request, invited, link, fields, PinPage("choose", f"/a/{link}"))


@router.get(CODE)
def show_code(request: Request) -> Response:
    return render(request, ActivatePage(CODE, asks_code=True))


@router.post(CODE)
def use_code(request: Request, daybook: Daybook, at: At, fields: Posted) -> Response:
    code = fields.get("code", "")
    try:
        invited = take_up(daybook, code, _source(request), at)
    except Refused as refused:
        error = "throttled" if refused.code == "throttled" else "wrong"
        return render(request, ActivatePage(CODE, True, error), wording_of(refused).status)
    return _enter(request, invited, code, fields, PinPage("choose", CODE, code=code))


def _enter(
    request: Request, invited: Invited, secret: str, fields: Mapping[str, str], page: PinPage
) -> Response:
    """Ask for a PIN; with a good one, bind this browser and go home."""
    daybook: Installation = request.app.state.installation
    at = now_of(request)
    if "pin" not in fields:
        return render(request, page, shell=invited_shell(request, daybook, invited))
    pin, label = fields["pin"], _browser(request.headers.get("user-agent", ""))
    try:
        cookie = activate(daybook, secret, pin, fields.get("pin_again", ""), label, _source(request), at)
    except Refused as refused:
        if refused.code not in ("bad_pin", "pins_differ"):
            raise
        wrong = replace(page, error=_fault(refused, pin))
        return render(request, wrong, 422, invited_shell(request, daybook, invited))
    _keep_language(request, daybook, cookie, at)
    response = RedirectResponse(f"{PATIENT_HOME}/ready", 303)
    keep(response, DEVICE_COOKIE, cookie, KEPT_FOR)
    return response


def _fault(refused: Refused, pin: str) -> str:
    if refused.code == "pins_differ":
        return "mismatch"
    return "simple" if len(pin) == PIN_DIGITS and pin.isdigit() else "format"


def _keep_language(request: Request, daybook: Installation, cookie: str, at: datetime) -> None:
    """The language chosen on the way in becomes the participant's, when the study is done in it."""
    chosen = language(kept(request, LANGUAGE_COOKIE))
    if chosen is not None:
        speak(daybook, cookie, chosen.code, at)


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


def _browser(agent: str) -> str:
    """What the list of devices calls this browser: coarse, so that it tells nothing else."""
    return next((name for name in _BROWSERS if name in agent), "browser")


@router.get("/unlock")
def show_unlock(visit: Known) -> Response:
    return visit.show(PinPage("unlock", "/unlock"))


@router.post("/unlock")
def use_pin(visit: Known, fields: Posted) -> Response:
    unlock(visit.daybook, visit.visitor, fields.get("pin", ""), visit.at)
    return RedirectResponse(_back(fields.get("back", "")), 303)


def _back(path: str) -> str:
    """Where the lock came down, when that is a page of ours."""
    return path if re.fullmatch(r"/(home|sent|settings|f/[A-Za-z0-9]{1,24}(/done)?)", path) else PATIENT_HOME
