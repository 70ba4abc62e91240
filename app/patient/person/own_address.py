"""Entering one's own e-mail address for reminders, and the code that was mailed to it."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.domain.refusal import Refused
from app.i18n import formats
from app.patient.refusals import PatientRoute
from app.patient.request import ParticipantPost, ParticipantRequest, UnlockedRequest
from app.services.accounts.contacts import LONGEST_ADDRESS
from app.services.reminders.own_address import (
    get_own_address,
    mail_address_code,
    verify_address,
)
from app.services.reminders.reminder_delivery import MessageSender
from app.services.reminders.reminder_settings import get_reminder_settings
from app.web.acts import STALE
from app.web.errors import ask_to_retry
from app.web.form_fields import read_field
from app.web.refusal_messages import message_of
from app.web.urls import ADDRESS_CODE, OWN_ADDRESS, SETTINGS, SETTINGS_SAVED


@dataclass(frozen=True, slots=True)
class AddressPage:
    """Enter an e-mail address; `present` is the masked one that is in force, "" where there is none."""

    template: ClassVar[str] = "patient/address.html"
    action_url: str
    back_url: str
    present: str
    typed: str = ""
    longest: int = LONGEST_ADDRESS
    error: str = ""  # "" | "address" | "same" | "unsent" | "throttled" | "expired" | "stale"


@dataclass(frozen=True, slots=True)
class AddressCodePage:
    """Enter the code that was mailed to the masked `address`, until `expires`; the old one is in force."""

    template: ClassVar[str] = "patient/address_code.html"
    action_url: str
    address_url: str
    back_url: str
    address: str
    expires: str
    error: str = ""  # "" | "wrong" | "throttled"


router = APIRouter(route_class=PatientRoute, include_in_schema=False)

_ADDRESS_FAULTS = {
    "address_needed": "address",
    "bad_address": "address",
    "same_contact": "same",
    "address_not_reached": "unsent",
    "throttled": "throttled",
    **dict.fromkeys(STALE, "stale"),
}
_CODE_FAULTS = {"wrong_code": "wrong", "throttled": "throttled"}


@router.get(OWN_ADDRESS)
def show_address_form(current: UnlockedRequest) -> Response:
    return _show(current) if _may_enter(current) else RedirectResponse(SETTINGS, 303)


@router.post(OWN_ADDRESS)
def enter_address(post: ParticipantPost) -> Response:
    """Mail a code to the address. Whoever may not enter one is told by the settings how to get reminders."""
    current, typed = post.current, post.fields.get("address", "")
    if not _may_enter(current):
        return RedirectResponse(SETTINGS, 303)
    try:
        mail_address_code(current.context, _outbox(current), typed)
    except Refused as refused:
        if refused.code not in _ADDRESS_FAULTS:
            raise
        return _show(current, typed, refused)
    return current.finish()


@router.get(ADDRESS_CODE)
def show_address_code_form(current: UnlockedRequest) -> Response:
    return _show_code(current)


@router.post(ADDRESS_CODE)
def enter_code(post: ParticipantPost) -> Response:
    """Check the code; one that is waited for no more leads back to where an address is entered."""
    try:
        verify_address(post.current.context, read_field(post.fields, "code"))
    except Refused as refused:
        if refused.code == "code_expired":
            return RedirectResponse(f"{OWN_ADDRESS}?expired=1", 303)
        if refused.code not in _CODE_FAULTS:
            raise
        return _show_code(post.current, refused)
    return RedirectResponse(f"{SETTINGS_SAVED}/address", 303)


def _outbox(current: ParticipantRequest) -> MessageSender:
    sender: MessageSender = current.request.app.state.sender
    return sender


def _may_enter(current: ParticipantRequest) -> bool:
    return get_own_address(current.context, _outbox(current)).may_enter


def _show(current: ParticipantRequest, typed: str = "", refused: Refused | None = None) -> Response:
    present = get_reminder_settings(current.context).address
    error = _ADDRESS_FAULTS[refused.code] if refused else ""
    if not refused and current.request.query_params.get("expired") == "1":
        error = "expired"
    page = AddressPage(OWN_ADDRESS, f"{SETTINGS}#reminders", present, typed, error=error)
    return _answer(current, page, refused)


def _show_code(current: ParticipantRequest, refused: Refused | None = None) -> Response:
    own = get_own_address(current.context, _outbox(current))
    if own.expires_at is None:
        return RedirectResponse(OWN_ADDRESS if own.may_enter else SETTINGS, 303)
    page = AddressCodePage(
        action_url=ADDRESS_CODE,
        address_url=OWN_ADDRESS,
        back_url=f"{SETTINGS}#reminders",
        address=own.waiting,
        expires=formats.format_local_time(own.expires_at, current.participant.zone, current.language),
        error=_CODE_FAULTS[refused.code] if refused else "",
    )
    return _answer(current, page, refused)


def _answer(
    current: ParticipantRequest, page: AddressPage | AddressCodePage, refused: Refused | None
) -> Response:
    if refused is None:
        return current.show(page)
    return ask_to_retry(current.request, current.show(page, message_of(refused).status), refused)
