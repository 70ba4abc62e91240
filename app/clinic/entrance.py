"""Signing in and out, and the language that a member of staff works in."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from app.clinic.desk import SIGN_IN, AtDesk, source_of, words_of
from app.clinic.pages import CodePage, SignInPage
from app.domain.refusal import Refused
from app.services.staff_access import confirm, half_session, sign_in, sign_out_colleague, speak
from app.web.cookies import drop, keep, kept
from app.web.dependencies import LANGUAGE_COOKIE, At, Daybook
from app.web.pages import render, shell_for
from app.web.places import DESK, SESSION_COOKIE
from app.web.routes import YEAR
from app.web.wording import wording_of

CODE = f"{SIGN_IN}/code"
Short = Annotated[str, Form(max_length=200)]

router = APIRouter(include_in_schema=False)


@router.get("/desk/sign-in")
def ask_password(request: Request) -> Response:
    return render(request, SignInPage(SIGN_IN))


@router.post("/desk/sign-in")
def take_password(
    request: Request, daybook: Daybook, at: At, email: Short = "", password: Short = ""
) -> Response:
    try:
        cookie = sign_in(daybook, email, password, source_of(request), at)
    except Refused as refused:
        words = words_of(request, refused, shell_for(request))
        return render(request, SignInPage(SIGN_IN, email, words), wording_of(refused).status)
    return _with_cookie(CODE, cookie)


@router.get("/desk/sign-in/code")
def ask_code(request: Request, daybook: Daybook, at: At) -> Response:
    try:
        with daybook.read() as session:
            half_session(session, kept(request, SESSION_COOKIE), at)
    except Refused:
        return RedirectResponse(SIGN_IN, 303)
    return render(request, CodePage(CODE, SIGN_IN))


@router.post("/desk/sign-in/code")
def take_code(request: Request, daybook: Daybook, at: At, code: Short = "") -> Response:
    try:
        cookie = confirm(daybook, kept(request, SESSION_COOKIE), code, source_of(request), at)
    except Refused as refused:
        if refused.code == "not_signed_in":
            return RedirectResponse(SIGN_IN, 303)
        words = words_of(request, refused, shell_for(request))
        return render(request, CodePage(CODE, SIGN_IN, words), wording_of(refused).status)
    return _with_cookie(DESK, cookie)


@router.post("/desk/sign-out")
def leave(desk: AtDesk) -> Response:
    sign_out_colleague(desk.daybook, desk.colleague, kept(desk.request, SESSION_COOKIE), desk.at)
    response = RedirectResponse(SIGN_IN, 303)
    drop(response, SESSION_COOKIE)
    return response


@router.post("/desk/language")
def change_language(desk: AtDesk, lang: Short) -> Response:
    chosen = speak(desk.daybook, desk.colleague, lang, desk.at)
    response = RedirectResponse(DESK, 303)
    keep(response, LANGUAGE_COOKIE, chosen, YEAR)
    return response


def _with_cookie(place: str, cookie: str) -> Response:
    response = RedirectResponse(place, 303)
    keep(response, SESSION_COOKIE, cookie)
    return response
