"""Signing in and out, and the language that a member of staff works in."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from app.clinic.request import SIGN_IN, SignedInRequest, client_address, translate_refusal
from app.domain.refusal import Refused
from app.services.accounts.staff_session import (
    confirm_second_factor,
    pending_second_factor,
    remember_staff_language,
    sign_in_staff,
    sign_out_staff,
)
from app.web.cookies import delete_cookie, get_cookie, set_cookie
from app.web.dependencies import LANGUAGE_COOKIE, At, CurrentInstallation
from app.web.pages.rendering import frame_for, render
from app.web.refusal_messages import message_of
from app.web.routes import YEAR
from app.web.urls import DESK, SESSION_COOKIE


@dataclass(frozen=True, slots=True)
class SignInPage:
    """E-mail and password."""

    template: ClassVar[str] = "clinic/sign_in.html"
    action_url: str
    email: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class CodePage:
    """The one-time code, after the password."""

    template: ClassVar[str] = "clinic/code.html"
    action_url: str
    back_url: str
    error: str = ""


CODE = f"{SIGN_IN}/code"
Short = Annotated[str, Form(max_length=200)]

router = APIRouter(include_in_schema=False)


@router.get("/desk/sign-in")
def ask_password(request: Request) -> Response:
    return render(request, SignInPage(SIGN_IN))


@router.post("/desk/sign-in")
def take_password(
    request: Request, installation: CurrentInstallation, at: At, email: Short = "", password: Short = ""
) -> Response:
    try:
        cookie = sign_in_staff(installation, email, password, client_address(request), at)
    except Refused as refused:
        words = translate_refusal(request, refused, frame_for(request))
        return render(request, SignInPage(SIGN_IN, email, words), message_of(refused).status)
    return _with_cookie(CODE, cookie)


@router.get("/desk/sign-in/code")
def ask_code(request: Request, installation: CurrentInstallation, at: At) -> Response:
    try:
        with installation.read() as session:
            pending_second_factor(session, get_cookie(request, SESSION_COOKIE), at)
    except Refused:
        return RedirectResponse(SIGN_IN, 303)
    return render(request, CodePage(CODE, SIGN_IN))


@router.post("/desk/sign-in/code")
def take_code(request: Request, installation: CurrentInstallation, at: At, code: Short = "") -> Response:
    try:
        cookie = confirm_second_factor(
            installation, get_cookie(request, SESSION_COOKIE), code, client_address(request), at
        )
    except Refused as refused:
        if refused.code == "not_signed_in":
            return RedirectResponse(SIGN_IN, 303)
        words = translate_refusal(request, refused, frame_for(request))
        return render(request, CodePage(CODE, SIGN_IN, words), message_of(refused).status)
    return _with_cookie(DESK, cookie)


@router.post("/desk/sign-out")
def sign_out(desk: SignedInRequest) -> Response:
    sign_out_staff(desk.installation, desk.staff, get_cookie(desk.request, SESSION_COOKIE), desk.at)
    response = RedirectResponse(SIGN_IN, 303)
    delete_cookie(response, SESSION_COOKIE)
    return response


@router.post("/desk/language")
def change_staff_language(desk: SignedInRequest, lang: Short) -> Response:
    chosen = remember_staff_language(desk.installation, desk.staff, lang, desk.at)
    response = RedirectResponse(DESK, 303)
    set_cookie(response, LANGUAGE_COOKIE, chosen, YEAR)
    return response


def _with_cookie(place: str, cookie: str) -> Response:
    response = RedirectResponse(place, 303)
    set_cookie(response, SESSION_COOKIE, cookie)
    return response
