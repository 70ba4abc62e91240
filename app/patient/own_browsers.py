"""A participant's own browsers and PIN: the list, a code for one more, and changing the PIN."""

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.domain.plan import SecondCheck
from app.domain.refusal import Refused
from app.i18n import formats
from app.patient.entrance_pages import DeviceLine, DevicesPage, NewPinPage, OwnCodePage
from app.patient.refusals import PatientRoute
from app.patient.visits import Awake, FormPost, Visit
from app.services.devices import issue_own_code, own_devices, remove_own_device
from app.services.pins import change_pin
from app.services.second_check import PIN_DIGITS
from app.storage.people import Device
from app.web.places import CODE, DEVICES, NEW_PIN, SETTINGS
from app.web.typed_dates import typed
from app.web.wording import wording_of

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get(DEVICES)
def show_devices(visit: Awake, removed: bool = False) -> Response:
    with visit.daybook.read() as session:
        lines = tuple(_line(visit, device) for device in own_devices(session, visit.visitor))
    return visit.show(DevicesPage(lines, DEVICES, SETTINGS, removed))


@router.post(DEVICES)
def make_code(sent: FormPost) -> Response:
    visit = sent.visit
    made = issue_own_code(visit.daybook, visit.visitor, visit.at)
    page = OwnCodePage(
        address=visit.daybook.public_url.partition("://")[2] + CODE,
        code=(made.code[:4], made.code[4:]),
        until=formats.told(made.expires_at, visit.visitor.zone, visit.language),
        asks=visit.visitor.second_check.value,
        devices_url=DEVICES,
    )
    return visit.show(page)


@router.post(DEVICES + "/{device}")
def remove_device(sent: FormPost, device: int) -> Response:
    remove_own_device(sent.visit.daybook, sent.visit.visitor, device, sent.visit.at)
    return RedirectResponse(f"{DEVICES}?removed=1", 303)


@router.get(NEW_PIN)
def ask_new_pin(visit: Awake, saved: bool = False) -> Response:
    _only_with_pin(visit)
    return visit.show(NewPinPage(NEW_PIN, SETTINGS, saved=saved))


@router.post(NEW_PIN)
def set_new_pin(sent: FormPost) -> Response:
    visit = sent.visit
    _only_with_pin(visit)
    if "pin_now" not in sent.fields:
        return RedirectResponse(NEW_PIN, 303)  # the lock came in between; PINs are not carried on
    now, new, again = (typed(sent.fields, name) for name in ("pin_now", "pin_new", "pin_again"))
    try:
        change_pin(visit.daybook, visit.visitor, now, new, again, visit.at)
    except Refused as refused:
        page = NewPinPage(NEW_PIN, SETTINGS, _fault(refused, new))
        return visit.show(page, wording_of(refused).status)
    return RedirectResponse(f"{NEW_PIN}?saved=1", 303)


def _only_with_pin(visit: Visit) -> None:
    if visit.visitor.second_check is not SecondCheck.pin:
        raise HTTPException(404)


def _fault(refused: Refused, new: str) -> str:
    if refused.code == "bad_pin":
        return "simple" if len(new) == PIN_DIGITS and new.isdigit() else "format"
    return {"wrong_pin": "wrong", "pins_differ": "mismatch"}.get(refused.code, "throttled")


def _line(visit: Visit, device: Device) -> DeviceLine:
    zone, spoken = visit.visitor.zone, visit.language
    return DeviceLine(
        label=device.label,
        bound=formats.told(device.bound_at, zone, spoken),
        seen=formats.told(device.seen_at, zone, spoken),
        here=device.id == visit.visitor.device_id,
        remove_url=f"{DEVICES}/{device.id}",
    )
