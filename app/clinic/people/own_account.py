"""Everybody's own account: password, second factors, and the browsers in which one is signed in."""

from dataclasses import dataclass, replace
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, find_field, list_faults
from app.clinic.frame.second_factor import PasskeyAnswer, read_factor, session_token
from app.clinic.people.joining import OneTimeCodeField
from app.clinic.request import SignedInRequest, StaffRequest
from app.domain.refusal import Refused
from app.i18n.marking import N_
from app.services.core.second_factor.challenges import find_passkey_site
from app.services.people.own_account import (
    OwnAccount,
    change_own_password,
    check_own_password,
    get_own_account,
    renew_recovery_codes,
)
from app.services.people.own_passkeys import OwnPasskey, list_own_passkeys
from app.services.people.own_proof import OwnProof, check_proof
from app.services.people.staff_sessions import OpenSession, end_session, list_sessions
from app.services.setup.passwords import LEAST_PASSWORD
from app.web.errors import ask_to_retry
from app.web.form_fields import PasswordField
from app.web.middleware.forwarding import find_source
from app.web.urls import ACCOUNT, ACCOUNT_CODES, ACCOUNT_PASSKEY_REQUEST, ACCOUNT_PASSWORD, ACCOUNT_SESSION


@dataclass(frozen=True, slots=True)
class OwnAccountPage:
    """One's own account, with the forms `password`, `codes` and `passkeys`.

    `passkey_url` is where a script is told what to ask a passkey; "" without one. `passkeys_work` says
    whether browsers allow passkeys at the address of this system.
    """

    template: ClassVar[str] = "clinic/people/account.html"
    account: OwnAccount
    sessions: tuple[OpenSession, ...]
    passkeys: tuple[OwnPasskey, ...]
    passkey_url: str
    passkeys_work: bool
    zone: str
    least: int
    done: str = ""
    faults: FormFaults = NO_FAULTS
    passkey_name: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryCodesPage:
    """New recovery codes, shown this once."""

    template: ClassVar[str] = "clinic/people/codes.html"
    codes: tuple[str, ...]
    back_url: str


LABELS = {
    "name": N_("Name of the passkey"),
    "password_now": N_("Current password"),
    "password_new": N_("New password"),
    "password_again": N_("New password again"),
    "one_time_code": N_("Code from your authenticator app, or a recovery code"),
}

router = APIRouter(include_in_schema=False)


@router.get(ACCOUNT)
def show_own_account(request: SignedInRequest, done: str = "") -> Response:
    return request.show(_page(request, done=done))


@router.post(ACCOUNT_PASSWORD)
def change_password(
    request: SignedInRequest,
    password_now: PasswordField = "",
    password_new: PasswordField = "",
    password_again: PasswordField = "",
    one_time_code: OneTimeCodeField = "",
    passkey: PasskeyAnswer = "",
) -> Response:
    proof = read_proof(request, password_now, one_time_code, passkey)
    try:
        check_own_password(request.context, request.staff.staff_id, proof, password_new, password_again)
        token = session_token(request.http)
        change_own_password(request.context, request.staff.staff_id, proof, password_new, token)
    except Refused as refused:
        return refuse_on_account(request, "password", refused)
    return RedirectResponse(request.frame.within(f"{ACCOUNT}?done=password"), 303)


@router.post(ACCOUNT_CODES)
def make_codes(
    request: SignedInRequest,
    password_now: PasswordField = "",
    one_time_code: OneTimeCodeField = "",
    passkey: PasskeyAnswer = "",
) -> Response:
    proof = read_proof(request, password_now, one_time_code, passkey)
    try:
        check_proof(proof)
        codes = renew_recovery_codes(request.context, request.staff.staff_id, proof)
    except Refused as refused:
        return refuse_on_account(request, "codes", refused)
    return request.show(RecoveryCodesPage(tuple(codes), request.frame.within(ACCOUNT)))


@router.post(ACCOUNT_SESSION)
def end_own_session(request: SignedInRequest, session: str) -> Response:
    try:
        end_session(request.context, request.staff.staff_id, session)
    except Refused as refused:
        return refuse_on_account(request, "session", refused)
    return RedirectResponse(request.frame.within(f"{ACCOUNT}?done=ended"), 303)


def read_proof(request: StaffRequest, password: str, code: str, passkey: str) -> OwnProof:
    """What a form of one's own account asks for once more."""
    return OwnProof(password, read_factor(request.http, code, passkey), find_source(request.http))


def refuse_on_account(request: StaffRequest, form: str, refused: Refused, name: str = "") -> Response:
    """One's own account with what was refused; `name` is that of a passkey that was typed."""
    faults = list_faults(request, refused, LABELS, form=form, prefix=f"{form}-", find=_find_field)
    page = replace(_page(request), faults=faults, passkey_name=name)
    return ask_to_retry(request.http, request.show(page, refused), refused)


def _find_field(refused: Refused) -> str:
    if refused.code in ("wrong_code", "wrong_passkey"):
        return "one_time_code"
    return "password_now" if refused.code == "throttled" else find_field(refused, LABELS)


def _page(request: StaffRequest, done: str = "") -> OwnAccountPage:
    staff_id = request.staff.staff_id
    passkeys = list_own_passkeys(request.context, staff_id)
    works = find_passkey_site(request.installation.public_url) is not None
    usable = works and any(passkey.stopped_at is None for passkey in passkeys)
    return OwnAccountPage(
        account=get_own_account(request.context, staff_id),
        sessions=list_sessions(request.context, staff_id, session_token(request.http)),
        passkeys=passkeys,
        passkey_url=ACCOUNT_PASSKEY_REQUEST if usable else "",
        passkeys_work=works,
        zone=request.zone,
        least=LEAST_PASSWORD,
        done=done,
    )
