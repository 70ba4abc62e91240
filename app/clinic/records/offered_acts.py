"""Which acts a participant's page offers as it is now."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.clinic.request import ParticipantStaffRequest
from app.services.clinic.participant_overview import ParticipantOverview
from app.services.schedule.slots import is_on_request, is_slot_touched
from app.web.urls import (
    ASSIGNMENT,
    BIRTH_DATE,
    CANCELLED_VISIT,
    CONTACT,
    CONTACT_ENTRY,
    CONTACT_LOG,
    DATES,
    DISPOSITION,
    HAND_OVER,
    INVITATION,
    PAPER_FORMS,
    PARTICIPANT_DEVICE,
    PARTICIPANT_FORM,
    REACHING,
    SCORES,
    SNOOZE,
    UNDO_DISPOSITION,
    VISITS,
)


@dataclass(frozen=True, slots=True)
class OfferedActs:
    """The acts and pages of one participant by what they do: whether their routes are open to the reader."""

    log_contact: bool
    correct_contact: bool
    snooze: bool
    assign: bool
    invite: bool
    sign_out_device: bool
    birth_date: bool
    dates: bool
    add_visit: bool
    cancel_visit: bool
    disposition: bool
    undo_disposition: bool
    scores: bool
    hand_over: bool
    paper: bool
    reaching: bool
    reveal_contact: bool
    explain_forms: bool


def list_offered_acts(request: ParticipantStaffRequest) -> OfferedActs:
    """What this reader may use of a participant's page."""
    return OfferedActs(
        log_contact=request.offers_route(CONTACT_LOG),
        correct_contact=request.offers_route(CONTACT_ENTRY),
        snooze=request.offers_route(SNOOZE),
        assign=request.offers_route(ASSIGNMENT, "POST"),
        invite=request.offers_route(INVITATION, "POST"),
        sign_out_device=request.offers_route(PARTICIPANT_DEVICE, "POST"),
        birth_date=request.offers_route(BIRTH_DATE),
        dates=request.offers_route(DATES),
        add_visit=request.offers_route(VISITS, "POST"),
        cancel_visit=request.offers_route(CANCELLED_VISIT, "POST"),
        disposition=request.offers_route(DISPOSITION),
        undo_disposition=request.offers_route(UNDO_DISPOSITION, "POST"),
        scores=request.offers_route(SCORES),
        hand_over=request.offers_route(HAND_OVER),
        paper=request.offers_route(PAPER_FORMS),
        reaching=request.offers_route(REACHING),
        reveal_contact=request.offers_route(CONTACT, "POST"),
        explain_forms=request.offers_route(PARTICIPANT_FORM, "POST"),
    )


def list_cancellable_visits(view: ParticipantOverview) -> tuple[str, ...]:
    """The visits that staff asked for and nobody began."""
    requested = [
        state.slot for state in view.forms if is_on_request(state.slot) and not state.slot.out_of_plan
    ]
    touched = {slot.visit for slot in requested if is_slot_touched(slot, view.waiting_paper)}
    return tuple(dict.fromkeys(slot.visit for slot in requested if slot.visit not in touched))


def find_unoffered_text(view: ParticipantOverview, typed: Mapping[str, str]) -> str:
    """What was typed into a form that this page, as it is now, does not offer."""
    offered = {f"device-{device.device_id}" for device in view.devices if device.revoked_at is None}
    offered |= {
        f"undo-{disposition.entry.entry_id}"
        for disposition in view.dispositions
        if disposition.undone is None
    }
    offered |= set() if view.exit else {"visit"}
    offered |= {"cancel"} if list_cancellable_visits(view) else set()
    words = (word for name, word in typed.items() if name != "form" and word)
    return "" if typed.get("form") in offered else " ".join(words)
