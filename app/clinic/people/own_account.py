"""Everybody's own account: password, recovery codes, and the browsers in which one is signed in."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.clinic.people.joining import Code, Password
from app.clinic.request import SignedInRequest, StaffRequest
from app.domain.refusal import Refused
from app.services.people.own_account import (
    OwnAccount,
    change_own_password,
    get_own_account,
    renew_recovery_codes,
)
from app.services.people.staff_sessions import OpenSession, end_session, list_sessions
from app.services.setup.passwords import LEAST_PASSWORD
from app.web.cookies import get_cookie
from app.web.errors import ask_to_retry
from app.web.middleware.forwarding import find_source
from app.web.urls import ACCOUNT, ACCOUNT_CODES, ACCOUNT_PASSWORD, ACCOUNT_SESSION, SESSION_COOKIE


@dataclass(frozen=True, slots=True)
class OwnAccountPage:
    """One's own account; `failed` names the form that was refused."""

    template: ClassVar[str] = "clinic/people/account.html"
    account: OwnAccount
    sessions: tuple[OpenSession, ...]
    zone: str
    least: int
    done: str = ""
    failed: str = ""
    field: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryCodesPage:
    """New recovery codes, shown this once."""

    template: ClassVar[str] = "clinic/people/codes.html"
    codes: tuple[str, ...]
    back_url: str


router = APIRouter(include_in_schema=False)


@router.get(ACCOUNT)
def show_own_account(desk: SignedInRequest, done: str = "") -> Response:
    return desk.show(_page(desk, done=done))


@router.post(ACCOUNT_PASSWORD)
def change_password(
    desk: SignedInRequest,
    password_now: Password = "",
    password_new: Password = "",
    password_again: Password = "",
    one_time_code: Code = "",
) -> Response:
    try:
        if password_new != password_again:
            raise Refused("passwords_differ", field="password_again")
        change_own_password(
            desk.context,
            desk.staff.staff_id,
            password_now,
            password_new,
            one_time_code,
            find_source(desk.request),
            _cookie(desk),
        )
    except Refused as refused:
        return _refuse(desk, "password", refused)
    return RedirectResponse(desk.frame.within(f"{ACCOUNT}?done=password"), 303)


@router.post(ACCOUNT_CODES)
def make_codes(desk: SignedInRequest, password_now: Password = "", one_time_code: Code = "") -> Response:
    try:
        codes = renew_recovery_codes(
            desk.context, desk.staff.staff_id, password_now, one_time_code, find_source(desk.request)
        )
    except Refused as refused:
        return _refuse(desk, "codes", refused)
    return desk.show(RecoveryCodesPage(tuple(codes), desk.frame.within(ACCOUNT)))


@router.post(ACCOUNT_SESSION)
def end_own_session(desk: SignedInRequest, session: str) -> Response:
    try:
        end_session(desk.context, desk.staff.staff_id, session)
    except Refused as refused:
        return _refuse(desk, "session", refused)
    return RedirectResponse(desk.frame.within(f"{ACCOUNT}?done=ended"), 303)


def _refuse(desk: StaffRequest, form: str, refused: Refused) -> Response:
    where = {
        "weak_password": "password_new",
        "common_password": "password_new",
        "wrong_code": "one_time_code",
        "throttled": "password_now",
    }
    field = where.get(refused.code, str(refused.details.get("field", "main")))
    page = _page(desk, failed=form, field=field, error=desk.words(refused))
    return ask_to_retry(desk.request, desk.show(page, refused), refused)


def _page(
    desk: StaffRequest, done: str = "", failed: str = "", field: str = "", error: str = ""
) -> OwnAccountPage:
    staff_id = desk.staff.staff_id
    return OwnAccountPage(
        account=get_own_account(desk.context, staff_id),
        sessions=list_sessions(desk.context, staff_id, _cookie(desk)),
        zone=desk.zone,
        least=LEAST_PASSWORD,
        done=done,
        failed=failed,
        field=field,
        error=error,
    )


def _cookie(desk: StaffRequest) -> str | None:
    return get_cookie(desk.request, SESSION_COOKIE)
