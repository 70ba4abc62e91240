"""Handing the clinic's tablet over: the session of staff ends, and the participant confirms who they are."""

from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.records.participant_rows import instrument_name, participant_url
from app.clinic.request import ParticipantStaffRequest, PermittedRequest, get_overview
from app.domain.plans.status import ANSWERABLE
from app.domain.refusal import Refused
from app.i18n.marking import N_
from app.services.accounts.shared_device import lock_bound_participants
from app.services.accounts.staff_session import sign_out_staff
from app.services.clinic.hand_over import begin_hand_over
from app.web.cookies import bound_tokens, delete_cookie, get_cookie, set_devices_aside
from app.web.dependencies import LANGUAGE_COOKIE
from app.web.form_fields import ActCode
from app.web.urls import HAND_OVER, SESSION_COOKIE, WAY_IN


@dataclass(frozen=True, slots=True)
class HandOverForm:
    """A form that can be filled in now."""

    slot: str
    name: str
    visit: str
    day: date | None


@dataclass(frozen=True, slots=True)
class HandOverPage:
    """What happens, and for which form."""

    template: ClassVar[str] = "clinic/hand_over.html"
    subject: str
    back_url: str
    action_url: str
    forms: tuple[HandOverForm, ...]
    chosen: str = ""
    faults: FormFaults = NO_FAULTS


LABELS = {"slot": N_("For which form?")}


router = APIRouter(include_in_schema=False)


@router.get(HAND_OVER)
def show_hand_over_form(request: PermittedRequest, form: str = "") -> Response:
    return request.show(_page(request, form))


@router.post(HAND_OVER)
def hand_over(request: PermittedRequest, slot: ActCode = "") -> Response:
    """The invitation first: if the session then could not be ended, nobody would have the tablet yet.

    Participants who are bound in this browser are locked and wait aside from here on.
    """
    try:
        token = begin_hand_over(request.context, request.participant.participant_id, slot)
    except Refused as refused:
        page = replace(_page(request, slot), faults=list_faults(request, refused, LABELS))
        return request.show(page, refused)
    bound = lock_bound_participants(request.installation, bound_tokens(request.http), request.at)
    sign_out_staff(request.installation, request.staff, get_cookie(request.http, SESSION_COOKIE), request.at)
    response = RedirectResponse(f"{WAY_IN}{token}", 303)
    delete_cookie(response, SESSION_COOKIE)
    set_devices_aside(request.http, response, bound)
    delete_cookie(response, LANGUAGE_COOKIE)  # no choice of the participant who comes
    return response


def _page(request: ParticipantStaffRequest, chosen: str) -> HandOverPage:
    view = get_overview(request)
    forms = [state.slot for state in (*view.forms, *view.diary) if state.status in ANSWERABLE]

    def name(instrument: str) -> str:
        return instrument_name(request.installation, view, instrument, request.frame.code)

    return HandOverPage(
        subject=view.participant.subject,
        back_url=participant_url(view),
        action_url=f"{participant_url(view)}/hand-over",
        forms=tuple(
            HandOverForm(slot.public_id, name(slot.instrument), slot.visit, slot.for_day) for slot in forms
        ),
        chosen=chosen,
    )
