"""How a participant is reached: the contact, which a test message checks, and a pause of reminders."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.frame.typed_day import NOTHING_TYPED, TypedDay, day_of_form
from app.clinic.request import ParticipantStaffRequest, PermittedRequest, url_of_participant
from app.domain.people.names import parse_reason
from app.domain.refusal import Refused, check_all
from app.i18n.marking import N_
from app.services.accounts.contacts import ContactChannel, parse_telephone
from app.services.reminders.reminder_delivery import MessageSender
from app.services.reminders.staff_settings import (
    LONGEST_STAFF_PAUSE_DAYS,
    change_contact,
    change_telephone,
    check_new_contact,
    check_pause,
    end_pause,
    get_participant_reach,
    pause_for_participant,
    remove_contact,
)
from app.web.form_fields import ActCode, ActWords
from app.web.urls import NEW_CONTACT, NEW_TELEPHONE, REACHING, REMOVED_CONTACT, STAFF_PAUSE, STAFF_PAUSE_END


@dataclass(frozen=True, slots=True)
class ReachingPage:
    """The contact and the pause, with the forms `contact`, `removal`, `telephone` and `pause`."""

    template: ClassVar[str] = "clinic/reaching.html"
    subject: str
    back_url: str
    url: str
    channel: str
    address: str
    telephone: str
    entered_by: str  # the kind of actor, "" where it is not known
    entered_on: date | None
    reminds: bool
    paused_until: date | None
    first_day: date
    last_day: date
    channels: tuple[str, ...]
    may_change: bool
    typed: Mapping[str, str]
    until: TypedDay = NOTHING_TYPED
    faults: FormFaults = NO_FAULTS


CONTACT_LABELS = {
    "channel": N_("Remind by"),
    "address": N_("E-mail address"),
    "reason": N_("Why it changes"),
}
TELEPHONE_LABELS = {"telephone": N_("Telephone for calls"), "reason": N_("Why it changes")}
REMOVAL_LABELS = {"reason": N_("Why they are removed")}
PAUSE_LABELS = {"until": N_("Pause reminders until the end of"), "reason": N_("Why they are paused")}

router = APIRouter(include_in_schema=False)


@router.get(REACHING)
def show_reach(request: PermittedRequest) -> Response:
    return request.show(_page(request))


@router.post(NEW_CONTACT)
def change_participant_contact(
    request: PermittedRequest, channel: ActCode = "", address: ActWords = "", reason: ActWords = ""
) -> Response:
    sender: MessageSender = request.http.app.state.sender
    try:
        check_all(request.act.check_texts, lambda: check_new_contact(channel, address, reason))
        change_contact(request.context, sender, request.participant.participant_id, channel, address, reason)
    except Refused as refused:
        typed = {"channel": channel, "address": address, "reason": reason}
        return _refuse(request, "contact", replace(_page(request), typed=typed), refused, CONTACT_LABELS)
    return request.finish()


@router.post(REMOVED_CONTACT)
def remove_participant_contact(request: PermittedRequest, reason: ActWords = "") -> Response:
    try:
        remove_contact(request.context, request.participant.participant_id, reason)
    except Refused as refused:
        page = replace(_page(request), typed={"reason": reason})
        return _refuse(request, "removal", page, refused, REMOVAL_LABELS)
    return request.finish()


@router.post(NEW_TELEPHONE)
def change_participant_telephone(
    request: PermittedRequest, telephone: ActWords = "", reason: ActWords = ""
) -> Response:
    try:
        check_all(request.act.check_texts, lambda: parse_telephone(telephone), lambda: parse_reason(reason))
        change_telephone(request.context, request.participant.participant_id, telephone, reason)
    except Refused as refused:
        page = replace(_page(request), typed={"telephone": telephone, "reason": reason})
        return _refuse(request, "telephone", page, refused, TELEPHONE_LABELS)
    return request.finish()


@router.post(STAFF_PAUSE)
def pause_participant(
    request: PermittedRequest,
    until: Annotated[TypedDay, Depends(day_of_form("until"))],
    reason: ActWords = "",
) -> Response:
    page = replace(_page(request), typed={"reason": reason}, until=until)
    try:
        check_all(
            request.act.check_texts,
            lambda: until.parse_optional("until"),
            lambda: check_pause(until.on, reason, page.first_day),
        )
        pause_for_participant(request.context, request.participant.participant_id, until.on, reason)
    except Refused as refused:
        return _refuse(request, "pause", page, refused, PAUSE_LABELS)
    return request.finish()


@router.post(STAFF_PAUSE_END)
def end_participant_pause(request: PermittedRequest) -> Response:
    """End the pause; where it has ended already, the participant's page says how it stands."""
    try:
        end_pause(request.context, request.participant.participant_id)
    except Refused as refused:
        if refused.code != "not_paused":
            return _refuse(request, "pause", _page(request), refused, PAUSE_LABELS)
        return RedirectResponse(url_of_participant(request.participant.public_id), 303)
    return request.finish()


def _refuse(
    request: ParticipantStaffRequest,
    form: str,
    page: ReachingPage,
    refused: Refused,
    labels: Mapping[str, str],
) -> Response:
    faults = list_faults(request, refused, labels, form=form, prefix=f"{form}-")
    return request.show(replace(page, faults=faults), refused)


def _page(request: ParticipantStaffRequest) -> ReachingPage:
    participant = request.participant
    reach = get_participant_reach(request.context, participant.participant_id)
    return ReachingPage(
        subject=reach.subject,
        back_url=url_of_participant(participant.public_id),
        url=REACHING.format(participant=participant.public_id),
        channel=reach.contact.channel if reach.contact else "",
        address=reach.contact.address if reach.contact else "",
        telephone=reach.contact.telephone if reach.contact else "",
        entered_by=reach.contact.entered_by if reach.contact else "",
        entered_on=reach.entered_on,
        reminds=reach.reminds,
        paused_until=reach.paused_until,
        first_day=reach.today,
        last_day=reach.today + timedelta(days=LONGEST_STAFF_PAUSE_DAYS),
        channels=tuple(ContactChannel),
        may_change=request.offers_route(NEW_CONTACT, "POST"),
        typed={},
    )
