"""A participant's own browsers and PIN: the list, a code for one more, and changing the PIN."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.domain.plans.plan import SecondCheck
from app.domain.refusal import Refused
from app.i18n import formats
from app.patient.refusals import PatientRoute
from app.patient.request import ParticipantPost, ParticipantRequest, UnlockedRequest
from app.services.accounts.devices import BoundDevice, issue_own_code, list_own_devices, remove_own_device
from app.services.accounts.pin_change import change_pin
from app.services.accounts.second_check import PIN_DIGITS
from app.services.core.acts import get_newest_entry
from app.web.acts import STALE
from app.web.errors import ask_to_retry
from app.web.form_fields import RowNumber, read_field
from app.web.refusal_messages import message_of
from app.web.urls import CODE, DEVICES, NEW_PIN, SETTINGS


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """One browser of the participant; `here` is the one of this request."""

    label: str
    bound: str
    seen: str
    here: bool
    remove_url: str


@dataclass(frozen=True, slots=True)
class DevicesPage:
    """The browsers that are bound to this person, and a way to bind another one."""

    template: ClassVar[str] = "patient/devices.html"
    devices: tuple[DeviceLine, ...]
    code_url: str
    settings_url: str
    done: str = ""  # "" | "removed" | "made"
    error: str = ""


@dataclass(frozen=True, slots=True)
class OwnCodePage:
    """The code that lets one more browser in, shown this once."""

    template: ClassVar[str] = "patient/own_code.html"
    address: str
    code: tuple[str, str]
    until: str
    asks: str  # "pin" | "birth_date" | "none"
    devices_url: str


@dataclass(frozen=True, slots=True)
class NewPinPage:
    """Change the PIN: the one that holds, and the new one twice."""

    template: ClassVar[str] = "patient/new_pin.html"
    action_url: str
    settings_url: str
    error: str = ""  # "" | "format" | "mismatch" | "simple" | "wrong" | "throttled" | "busy"
    saved: bool = False


router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get(DEVICES)
def show_devices(current: UnlockedRequest, removed: bool = False, made: bool = False) -> Response:
    return _show_devices(current, "removed" if removed else "made" if made else "")


def _show_devices(current: ParticipantRequest, done: str = "", refused: Refused | None = None) -> Response:
    """The list as it is now, and why something was refused, if it was."""
    seen = get_newest_entry(current.context)
    lines = tuple(_line(current, device) for device in list_own_devices(current.context))
    error = refused.code if refused else ""
    status = message_of(refused).status if refused else 200
    return current.show(DevicesPage(lines, DEVICES, SETTINGS, done, error), status, seen=seen)


@router.post(DEVICES)
def issue_code(post: ParticipantPost) -> Response:
    current = post.current
    try:
        own_code = issue_own_code(current.context)
    except Refused as refused:
        if refused.code not in STALE:
            raise
        return _show_devices(current, refused=refused)
    page = OwnCodePage(
        address=current.installation.public_url.partition("://")[2] + CODE,
        code=(own_code.code[:4], own_code.code[4:]),
        until=formats.format_local_time(own_code.expires_at, current.participant.zone, current.language),
        asks=current.participant.second_check.value,
        devices_url=DEVICES,
    )
    return current.show(page)


@router.post(DEVICES + "/{device}")
def remove_device(post: ParticipantPost, device: RowNumber) -> Response:
    current = post.current.with_act(about=f"device:{device}")
    try:
        remove_own_device(current.context, device)
    except Refused as refused:
        if refused.code not in STALE:
            raise
        return _show_devices(current, refused=refused)
    return current.finish()


@router.get(NEW_PIN)
def show_new_pin_form(current: UnlockedRequest, saved: bool = False) -> Response:
    _only_with_pin(current)
    return current.show(NewPinPage(NEW_PIN, SETTINGS, saved=saved))


@router.post(NEW_PIN)
def change_own_pin(post: ParticipantPost) -> Response:
    current = post.current
    _only_with_pin(current)
    if "pin_now" not in post.fields:
        return RedirectResponse(NEW_PIN, 303)  # the lock came in between; PINs are not carried on
    now, new, again = (read_field(post.fields, name) for name in ("pin_now", "pin_new", "pin_again"))
    try:
        change_pin(current.context, now, new, again)
    except Refused as refused:
        page = NewPinPage(NEW_PIN, SETTINGS, _fault(refused, new))
        return ask_to_retry(current.request, current.show(page, message_of(refused).status), refused)
    return RedirectResponse(f"{NEW_PIN}?saved=1", 303)


def _only_with_pin(current: ParticipantRequest) -> None:
    if current.participant.second_check is not SecondCheck.pin:
        raise HTTPException(404)


def _fault(refused: Refused, new: str) -> str:
    if refused.code == "bad_pin":
        return "simple" if len(new) == PIN_DIGITS and new.isdigit() else "format"
    faults = {"wrong_pin": "wrong", "pins_differ": "mismatch", "sign_in_busy": "busy"}
    return faults.get(refused.code, "throttled")


def _line(current: ParticipantRequest, device: BoundDevice) -> DeviceLine:
    zone, spoken = current.participant.zone, current.language
    return DeviceLine(
        label=device.label,
        bound=formats.format_local_time(device.bound_at, zone, spoken),
        seen=formats.format_local_time(device.seen_at, zone, spoken),
        here=device.device_id == current.participant.device_id,
        remove_url=f"{DEVICES}/{device.device_id}",
    )
