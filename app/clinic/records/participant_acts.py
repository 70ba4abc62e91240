"""The acts of a participant's page itself: adding a visit, taking an entry back, unbinding a phone, looking.

What is refused is shown on the page as it is now, with the words that were typed.
"""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.clinic.frame.form_faults import find_field, list_faults
from app.clinic.frame.typed_day import TypedDay, day_of_form
from app.clinic.participant import build_participant_page
from app.clinic.request import ParticipantStaffRequest, PermittedRequest, get_overview
from app.domain.plans.schedule import get_requestable_rule
from app.domain.refusal import Refused, check_all
from app.i18n.marking import N_
from app.services.accounts.contacts import reveal_contact
from app.services.accounts.devices import revoke_device
from app.services.schedule.dispositions import undo_disposition
from app.services.schedule.requested_visits import cancel_visit, request_visit
from app.web.form_fields import ActCode, ActWords, RowNumber, parse_number
from app.web.urls import CANCELLED_VISIT, CONTACT, PARTICIPANT_DEVICE, UNDO_DISPOSITION, VISITS

LABELS = {"visit": N_("Visit"), "on": N_("Open from"), "reason": N_("Why")}
_FIELD_OF = {
    "unknown_visit": "visit",
    "date_out_of_range": "on",
    "outside_window": "on",
    "visit_exists": "on",
}

router = APIRouter(include_in_schema=False)


@router.post(CONTACT)
def reveal_participant_contact(request: PermittedRequest) -> Response:
    try:
        contact = reveal_contact(request.context, request.participant.participant_id)
    except Refused as refused:
        return show_refused(request, refused)
    view = get_overview(request)
    return request.show(build_participant_page(request, view, revealed=contact))


@router.post(PARTICIPANT_DEVICE)
def revoke_participant_device(
    request: PermittedRequest, device: RowNumber, reason: ActWords = ""
) -> Response:
    request = request.with_act(about=f"device:{device}")
    try:
        revoke_device(request.context, request.participant.participant_id, device, reason)
    except Refused as refused:
        return show_refused(request, refused, {"form": f"device-{device}", "reason": reason})
    return request.finish()


@router.post(UNDO_DISPOSITION)
def undo_named_disposition(request: PermittedRequest, entry: ActCode = "", reason: ActWords = "") -> Response:
    """Take back the very entry that the form names, and never another."""
    participant = request.participant
    try:
        named = parse_number(entry, "entry")
        undo_disposition(request.context, participant.study_id, participant.subject, reason, named)
    except Refused as refused:
        return show_refused(request, refused, {"form": f"undo-{entry}", "reason": reason})
    return request.finish()


@router.post(VISITS)
def add_visit(
    request: PermittedRequest, on: Annotated[TypedDay, Depends(day_of_form("on"))], visit: ActCode = ""
) -> Response:
    participant, plan = request.participant, get_overview(request).plan
    try:
        check_all(request.act.check_texts, lambda: get_requestable_rule(plan, visit), lambda: on.parse("on"))
        request_visit(request.context, participant.study_id, participant.subject, visit, on.parse("on"))
    except Refused as refused:
        return show_refused(request, refused, {"form": "visit", "visit": visit, **on.name_boxes("on")})
    return request.finish()


@router.post(CANCELLED_VISIT)
def post_visit_cancellation(
    request: PermittedRequest, visit: ActCode = "", reason: ActWords = ""
) -> Response:
    participant = request.participant
    try:
        cancel_visit(request.context, participant.study_id, participant.subject, visit, reason)
    except Refused as refused:
        return show_refused(request, refused, {"form": "cancel", "visit": visit, "reason": reason})
    return request.finish()


def show_refused(
    request: ParticipantStaffRequest, refused: Refused, typed: Mapping[str, str] | None = None
) -> Response:
    """The participant as they are now, why nothing was done, and what was typed."""
    if refused.code == "unknown_device":
        raise refused
    form = (typed or {}).get("form", "")
    faults = list_faults(request, refused, LABELS, form=form, prefix=f"{form}-", find=_find_field)
    view = get_overview(request)
    return request.show(build_participant_page(request, view, faults=faults, typed=typed), refused)


def _find_field(refused: Refused) -> str:
    return _FIELD_OF.get(refused.code) or find_field(refused, LABELS)
