"""One participant: the page, and what is done from it in one step."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from app.clinic.desk import AtDesk, Desk, typed_day
from app.clinic.pages import FormPage
from app.clinic.views import address_of, cell_of, name_of, participant_page
from app.domain.access import Permission
from app.domain.refusal import Refused
from app.services.contacts import reveal_contact
from app.services.devices import revoke_device
from app.services.dispositions import undo_disposition
from app.services.exemptions import excusable, excuse_form
from app.services.missed_reasons import record_missed_reason
from app.services.participant_page import Overview, form_state, overview
from app.services.participants import seen_by
from app.services.scheduling import request_visit
from app.storage.people import Participant
from app.web.places import DESK

NOTICES = ("date", "disposition", "undone", "visit", "device", "reason", "differing", "excused", "birth_date")
CONFIRM = "confirm"
Typed = Annotated[str, Form(max_length=400)]

router = APIRouter(include_in_schema=False)


@router.get("/desk/participants/{participant}")
def show_participant(desk: AtDesk, participant: str, done: str = "") -> Response:
    notice = done if done in NOTICES else ""
    view = view_of(desk, participant)
    return desk.show(participant_page(desk.daybook, view, desk.shell.code, desk.at, notice))


@router.post("/desk/participants/{participant}/contact")
def reveal(desk: AtDesk, participant: str) -> Response:
    contact = reveal_contact(desk.daybook, desk.actor, participant, desk.at)
    view = view_of(desk, participant)
    return desk.show(participant_page(desk.daybook, view, desk.shell.code, desk.at, revealed=contact))


@router.post("/desk/participants/{participant}/devices/{device}")
def revoke(desk: AtDesk, participant: str, device: int, reason: Typed = "") -> Response:
    try:
        revoke_device(desk.daybook, desk.actor, participant, device, reason, desk.at)
    except Refused as refused:
        return _refused(desk, participant, refused)
    return done(participant, "device")


@router.post("/desk/participants/{participant}/disposition/undo")
def undo(desk: AtDesk, participant: str, reason: Typed = "") -> Response:
    found = allowed(desk, participant, Permission.DISPOSITION_UNDO)
    try:
        undo_disposition(desk.daybook, desk.actor, found.study_id, found.subject, reason, desk.at)
    except Refused as refused:
        return _refused(desk, participant, refused)
    return done(participant, "undone")


@router.post("/desk/participants/{participant}/visits")
def add_visit(desk: AtDesk, participant: str, visit: Typed = "", on: Typed = "") -> Response:
    found = allowed(desk, participant, Permission.ANCHOR_RECORD)
    try:
        day = typed_day(on, "on")
        request_visit(desk.daybook, desk.actor, found.study_id, found.subject, visit, day, desk.at)
    except Refused as refused:
        return _refused(desk, participant, refused)
    return done(participant, "visit")


@router.get("/desk/participants/{participant}/forms/{slot}")
def show_form(desk: AtDesk, participant: str, slot: str) -> Response:
    return desk.show(_form_page(desk, participant, slot))


@router.post("/desk/participants/{participant}/forms/{slot}")
def say_why_missed(
    desk: AtDesk, participant: str, slot: str, reason: Typed = "", note: Typed = ""
) -> Response:
    try:
        record_missed_reason(desk.daybook, desk.actor, participant, slot, reason, note, desk.at)
    except Refused as refused:
        if refused.code in ("unknown_participant", "unknown_slot"):
            raise
        return desk.show(_form_page(desk, participant, slot, desk.words(refused)), refused)
    return done(participant, "reason")


@router.post("/desk/participants/{participant}/forms/{slot}/exemption")
def excuse(desk: AtDesk, participant: str, slot: str, exemption: Typed = "", step: Typed = "") -> Response:
    allowed(desk, participant, Permission.REASON_RECORD)
    try:
        if step != CONFIRM:
            return desk.show(_asked_again(_form_page(desk, participant, slot), exemption))
        excuse_form(desk.daybook, desk.actor, participant, slot, exemption, desk.at)
    except Refused as refused:
        if refused.code in ("unknown_participant", "unknown_slot"):
            raise
        return desk.show(_form_page(desk, participant, slot, desk.words(refused)), refused)
    return done(participant, "excused")


def view_of(desk: Desk, participant: str) -> Overview:
    """The overview of a participant of one's own sites."""
    with desk.daybook.read() as session:
        return overview(desk.daybook, session, desk.actor, participant, desk.at)


def allowed(desk: Desk, participant: str, permission: Permission) -> Participant:
    """The participant, when this may be done to them; a stranger's is not there."""
    with desk.daybook.read() as session:
        return seen_by(session, desk.actor, participant, permission)


def done(participant: str, notice: str) -> Response:
    """Back to the participant, saying what was done."""
    return RedirectResponse(f"{DESK}/participants/{participant}?done={notice}", 303)


def _refused(desk: Desk, participant: str, refused: Refused) -> Response:
    if refused.code in ("unknown_participant", "unknown_device"):
        raise refused
    view = view_of(desk, participant)
    page = participant_page(desk.daybook, view, desk.shell.code, desk.at, error=desk.words(refused))
    return desk.show(page, refused)


def _asked_again(page: FormPage, exemption: str) -> FormPage:
    """The page that asks whether to excuse the form indeed; it cannot be taken back."""
    if not page.exemptions:
        raise Refused("not_excusable")
    if exemption not in page.exemptions:
        raise Refused("unknown_exemption", field="exemption", allowed=page.exemptions)
    return replace(page, excusing=exemption)


def _form_page(desk: Desk, participant: str, slot_id: str, error: str = "") -> FormPage:
    view = view_of(desk, participant)
    state = form_state(view, slot_id)
    slot, cell = state.slot, cell_of(view, state)
    may = Permission.REASON_RECORD in view.may
    reasons = view.plan.missed_reasons if may and cell.status == "missed" else ()
    return FormPage(
        subject=view.participant.subject,
        back_url=address_of(view),
        action_url=cell.url,
        name=name_of(desk.daybook, view, slot.instrument, desk.shell.code),
        visit=slot.visit,
        cell=cell,
        opens_on=slot.opens_on,
        target_on=slot.target_on,
        closes_on=slot.closes_on,
        begun_at=slot.begun_at,
        submitted_at=slot.submitted_at,
        helped_by=slot.helped_by or "",
        note=slot.missed_note or "",
        zone=slot.zone,
        reasons=tuple(each.value for each in reasons),
        excused=slot.excused or "",
        exemptions=view.plan.exemptions if may and excusable(slot, desk.at) else (),
        error=error,
    )
