"""Adding a passkey to one's own account, removing it, and what a script asks it for."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from app.clinic.frame.second_factor import PasskeyAnswer, answer_with_request, session_token
from app.clinic.people.joining import Code, Password
from app.clinic.people.own_account import read_proof, refuse_on_account
from app.clinic.request import SignedInRequest
from app.domain.refusal import Refused
from app.services.core.second_factor.passkeys import write_passkey_request
from app.services.people.own_passkeys import add_passkey, begin_passkey, check_new_passkey, remove_passkey
from app.web.form_fields import Narrowed, RowNumber
from app.web.urls import (
    ACCOUNT,
    ACCOUNT_ASKED_PASSKEY,
    ACCOUNT_NEW_PASSKEY,
    ACCOUNT_PASSKEY,
    ACCOUNT_PASSKEYS,
)


@dataclass(frozen=True, slots=True)
class NewPasskeyPage:
    """The last step, in which the browser makes the passkey; `options` are what it is asked for, as JSON."""

    template: ClassVar[str] = "clinic/people/passkey.html"
    name: str
    options: str
    action_url: str
    back_url: str


Name = Annotated[str, Form(max_length=400), Narrowed]
NewCredential = Annotated[str, Form(max_length=16_000)]

router = APIRouter(include_in_schema=False)


@router.get(ACCOUNT_ASKED_PASSKEY)
def ask_own_passkey(desk: SignedInRequest) -> Response:
    token = session_token(desk.request)
    return answer_with_request(write_passkey_request(desk.installation, desk.staff.staff_id, token, desk.at))


@router.post(ACCOUNT_PASSKEYS)
def begin_own_passkey(
    desk: SignedInRequest,
    name: Name = "",
    password_now: Password = "",
    one_time_code: Code = "",
    passkey: PasskeyAnswer = "",
) -> Response:
    proof = read_proof(desk, password_now, one_time_code, passkey)
    try:
        check_new_passkey(desk.context, name, proof)
        token = session_token(desk.request)
        options = begin_passkey(desk.context, desk.staff.staff_id, name, proof, token)
    except Refused as refused:
        return refuse_on_account(desk, "passkeys", refused, name)
    action_url, back_url = desk.frame.within(ACCOUNT_NEW_PASSKEY), desk.frame.within(ACCOUNT)
    return desk.show(NewPasskeyPage(name, options, action_url, back_url))


@router.post(ACCOUNT_NEW_PASSKEY)
def add_own_passkey(desk: SignedInRequest, name: Name = "", passkey: NewCredential = "") -> Response:
    try:
        add_passkey(desk.context, desk.staff.staff_id, name, passkey, session_token(desk.request))
    except Refused as refused:
        return refuse_on_account(desk, "passkeys", refused, name)
    return RedirectResponse(desk.frame.within(f"{ACCOUNT}?done=passkey"), 303)


@router.post(ACCOUNT_PASSKEY)
def remove_own_passkey(desk: SignedInRequest, passkey: RowNumber) -> Response:
    try:
        remove_passkey(desk.context, desk.staff.staff_id, passkey)
    except Refused as refused:
        return refuse_on_account(desk, "session", refused)
    return RedirectResponse(desk.frame.within(f"{ACCOUNT}?done=passkey_removed"), 303)
