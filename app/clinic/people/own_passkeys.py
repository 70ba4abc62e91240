"""Adding a passkey to one's own account, removing it, and what a script asks it for."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from app.clinic.frame.second_factor import PasskeyAnswer, answer_with_request, session_token
from app.clinic.people.joining import OneTimeCodeField
from app.clinic.people.own_account import read_proof, refuse_on_account
from app.clinic.request import SignedInRequest
from app.domain.refusal import Refused
from app.services.core.second_factor.passkeys import write_passkey_request
from app.services.people.own_passkeys import add_passkey, begin_passkey, check_new_passkey, remove_passkey
from app.web.form_fields import Narrowed, PasswordField, RowNumber
from app.web.urls import (
    ACCOUNT,
    ACCOUNT_NEW_PASSKEY,
    ACCOUNT_PASSKEY,
    ACCOUNT_PASSKEY_REQUEST,
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


PasskeyNameField = Annotated[str, Form(max_length=400), Narrowed]
NewCredential = Annotated[str, Form(max_length=16_000)]

router = APIRouter(include_in_schema=False)


@router.get(ACCOUNT_PASSKEY_REQUEST)
def get_own_passkey_request(request: SignedInRequest) -> Response:
    token = session_token(request.http)
    return answer_with_request(
        write_passkey_request(request.installation, request.staff.staff_id, token, request.at)
    )


@router.post(ACCOUNT_PASSKEYS)
def begin_own_passkey(
    request: SignedInRequest,
    name: PasskeyNameField = "",
    password_now: PasswordField = "",
    one_time_code: OneTimeCodeField = "",
    passkey: PasskeyAnswer = "",
) -> Response:
    proof = read_proof(request, password_now, one_time_code, passkey)
    try:
        check_new_passkey(request.context, name, proof)
        token = session_token(request.http)
        options = begin_passkey(request.context, request.staff.staff_id, name, proof, token)
    except Refused as refused:
        return refuse_on_account(request, "passkeys", refused, name)
    action_url, back_url = request.frame.within(ACCOUNT_NEW_PASSKEY), request.frame.within(ACCOUNT)
    return request.show(NewPasskeyPage(name, options, action_url, back_url))


@router.post(ACCOUNT_NEW_PASSKEY)
def add_own_passkey(
    request: SignedInRequest, name: PasskeyNameField = "", passkey: NewCredential = ""
) -> Response:
    try:
        add_passkey(request.context, request.staff.staff_id, name, passkey, session_token(request.http))
    except Refused as refused:
        return refuse_on_account(request, "passkeys", refused, name)
    return RedirectResponse(request.frame.within(f"{ACCOUNT}?done=passkey"), 303)


@router.post(ACCOUNT_PASSKEY)
def remove_own_passkey(request: SignedInRequest, passkey: RowNumber) -> Response:
    try:
        remove_passkey(request.context, request.staff.staff_id, passkey)
    except Refused as refused:
        return refuse_on_account(request, "session", refused)
    return RedirectResponse(request.frame.within(f"{ACCOUNT}?done=passkey_removed"), 303)
