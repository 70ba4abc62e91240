"""Signing in and out, and the language that a member of staff works in."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import AfterValidator
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.clinic.frame.refusal_words import translate_refusal
from app.clinic.frame.return_address import LONGEST, NEXT, choose_return_address, with_return_address
from app.clinic.frame.second_factor import (
    PasskeyAnswer,
    answer_with_request,
    read_factor,
    session_token,
)
from app.clinic.request import SignedInRequest
from app.domain.records.participants import HandOverEnd
from app.domain.refusal import Refused
from app.services.accounts.known_browsers import PROOF_LIFE, renew_browser_proofs
from app.services.accounts.shared_device import end_hand_over
from app.services.accounts.staff_access import require_pending_sign_in
from app.services.accounts.staff_session import (
    StaffBrowser,
    confirm_second_factor,
    remember_staff_language,
    sign_in_staff,
    sign_out_staff,
)
from app.services.core.installation import Installation
from app.services.core.second_factor.passkeys import has_passkeys, write_passkey_request
from app.web.cookies import (
    bound_tokens,
    delete_cookie,
    get_cookie,
    has_devices_aside,
    restore_devices,
    set_cookie,
)
from app.web.dependencies import LANGUAGE_COOKIE, At, CurrentInstallation, get_device_context
from app.web.errors import ask_to_retry
from app.web.form_fields import Narrowed, PasswordField
from app.web.middleware.forwarding import find_source
from app.web.pages.rendering import frame_for, render_page
from app.web.permissions import CallerKind, mark_guard, required_access
from app.web.refusal_messages import message_of
from app.web.routes import YEAR
from app.web.urls import (
    DESK,
    KNOWN_COOKIE,
    SESSION_COOKIE,
    SIGN_IN,
    SIGN_IN_CODE,
    SIGN_IN_PASSKEY,
    SIGN_OUT,
    STAFF_LANGUAGE,
)


@dataclass(frozen=True, slots=True)
class SignInPage:
    """E-mail and password; `next_url` is where to go on afterwards, "" for the desk."""

    template: ClassVar[str] = "clinic/sign_in.html"
    action_url: str
    next_url: str
    email: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class CodePage:
    """The second factor, after the password; `next_url` as on the page before.

    `passkey_url` is where a script is told what to ask a passkey; "" for an account without any.
    """

    template: ClassVar[str] = "clinic/code.html"
    action_url: str
    back_url: str
    next_url: str
    passkey_url: str
    error: str = ""


BackAddress = Annotated[str, Form(max_length=2000), Narrowed]
SignInField = Annotated[str, Form(max_length=200), Narrowed]
"""Any characters that a keyboard makes, and as it makes them."""
CheckedAddress = AfterValidator(choose_return_address)
NextAddress = Annotated[str, Query(alias=NEXT, max_length=LONGEST), CheckedAddress]
PostedNext = Annotated[str, Form(alias=NEXT, max_length=LONGEST), CheckedAddress]

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN)
def show_password_form(request: Request, next_url: NextAddress = "") -> Response:
    return render_page(request, SignInPage(SIGN_IN, next_url))


@router.post(SIGN_IN)
def post_password(
    request: Request,
    installation: CurrentInstallation,
    at: At,
    email: SignInField = "",
    password: PasswordField = "",
    next_url: PostedNext = "",
) -> Response:
    try:
        source, browser = find_source(request), _browser(request)
        cookie = sign_in_staff(installation, email, password, source, at, browser)
    except Refused as refused:
        words = translate_refusal(request, refused, frame_for(request))
        page = SignInPage(SIGN_IN, next_url, email, words)
        return ask_to_retry(request, render_page(request, page, message_of(refused).status), refused)
    return _with_cookie(with_return_address(SIGN_IN_CODE, next_url), cookie)


@mark_guard(CallerKind.STAFF_HALF)
def require_password(request: Request, installation: CurrentInstallation, at: At) -> int:
    """Whose password was given just now; others are sent to sign in."""
    required_access(request, CallerKind.STAFF_HALF)
    try:
        return require_pending_sign_in(installation, get_cookie(request, SESSION_COOKIE), at)
    except Refused as refused:
        next_url = choose_return_address(request.query_params.get(NEXT, ""))
        raise HTTPException(303, headers={"Location": with_return_address(SIGN_IN, next_url)}) from refused


PendingSignIn = Annotated[int, Depends(require_password)]
"""The number of the account."""


@router.get(SIGN_IN_CODE)
def show_code_form(
    request: Request, installation: CurrentInstallation, pending: PendingSignIn, next_url: NextAddress = ""
) -> Response:
    return render_page(request, _code_page(installation, pending, next_url))


@router.get(SIGN_IN_PASSKEY)
def get_passkey_request(
    request: Request, installation: CurrentInstallation, at: At, pending: PendingSignIn
) -> Response:
    return answer_with_request(write_passkey_request(installation, pending, session_token(request), at))


@router.post(SIGN_IN_CODE)
def post_code(
    request: Request,
    installation: CurrentInstallation,
    at: At,
    pending: PendingSignIn,
    code: SignInField = "",
    passkey: PasskeyAnswer = "",
    next_url: PostedNext = "",
) -> Response:
    browser = _browser(request)
    try:
        shown, source = read_factor(request, code, passkey), find_source(request)
        cookie = confirm_second_factor(installation, browser.session, shown, source, at, browser)
    except Refused as refused:
        words = translate_refusal(request, refused, frame_for(request))
        page = _code_page(installation, pending, next_url, words)
        return ask_to_retry(request, render_page(request, page, message_of(refused).status), refused)
    response = _with_cookie(next_url or DESK, cookie)
    proofs = renew_browser_proofs(installation, cookie, browser.proofs, at)
    set_cookie(response, KNOWN_COOKIE, proofs, int(PROOF_LIFE.total_seconds()))
    _end_hand_over(request, response)
    return response


def _end_hand_over(request: Request, response: Response) -> None:
    """End the hand-over of this browser, if it was handed over, also to somebody who never confirmed it."""
    handed = end_hand_over(get_device_context(request), HandOverEnd.staff)
    if handed or has_devices_aside(request):
        restore_devices(request, response, () if handed else bound_tokens(request))
        delete_cookie(response, LANGUAGE_COOKIE)  # the participant's


@router.post(SIGN_OUT)
def sign_out(request: SignedInRequest) -> Response:
    sign_out_staff(request.installation, request.staff, get_cookie(request.http, SESSION_COOKIE), request.at)
    response = RedirectResponse(SIGN_IN, 303)
    delete_cookie(response, SESSION_COOKIE)
    return response


@router.post(STAFF_LANGUAGE)
def change_staff_language(request: SignedInRequest, lang: SignInField, back: BackAddress = "") -> Response:
    shown = choose_return_address(back)
    here = request.with_act(result=shown) if shown else request
    chosen = remember_staff_language(here.context, here.staff.staff_id, lang)
    response = here.finish()
    set_cookie(response, LANGUAGE_COOKIE, chosen, YEAR)
    return response


def _code_page(installation: Installation, staff_id: int, next_url: str, error: str = "") -> CodePage:
    passkey_url = SIGN_IN_PASSKEY if has_passkeys(installation, staff_id) else ""
    return CodePage(SIGN_IN_CODE, with_return_address(SIGN_IN, next_url), next_url, passkey_url, error)


def _browser(request: Request) -> StaffBrowser:
    return StaffBrowser(get_cookie(request, KNOWN_COOKIE) or "", get_cookie(request, SESSION_COOKIE))


def _with_cookie(url: str, cookie: str) -> Response:
    response = RedirectResponse(url, 303)
    set_cookie(response, SESSION_COOKIE, cookie)
    return response
