"""Logging a contact, and correcting an entry of the log: a page of its own, or a form under a row."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.frame.typed_day import NOTHING_TYPED, TypedDay, day_of_form
from app.clinic.request import ParticipantStaffRequest, PermittedRequest, url_of_participant
from app.domain.plans.windows import local_day
from app.domain.refusal import Refused, check_all
from app.domain.today.contacts import ContactOutcome, parse_contact_note
from app.i18n.marking import N_
from app.services.clinic.today.contact_log import (
    LoggedContact,
    correct_contact,
    get_contact_context,
    log_contact,
    parse_contact_correction,
)
from app.web.form_fields import ActCode, ActWords, RowNumber
from app.web.urls import CONTACT, CONTACT_ENTRY, CONTACT_LOG


@dataclass(frozen=True, slots=True)
class ContactFormPage:
    """The form of an entry; `entry` is the one that is corrected, None for a new one; `exit` how they left.

    `key`, the participant's, begins every id of the form: two forms on one page never share one.
    """

    template: ClassVar[str] = "clinic/contact_form.html"
    key: str
    subject: str
    url: str
    action_url: str
    back: str
    outcomes: tuple[str, ...]
    channel: str
    address: str
    telephone: str
    reveal_url: str
    called_at: datetime | None
    zone: str
    exit: str
    log: tuple[LoggedContact, ...]
    entry: LoggedContact | None = None
    outcome: str = ""
    note: str = ""
    next_try: TypedDay = NOTHING_TYPED
    reason: str = ""
    answers_call: bool = False
    faults: FormFaults = NO_FAULTS


LABELS = {
    "outcome": N_("Outcome"),
    "note": N_("Note"),
    "next_try": N_("Next try (optional)"),
    "answers_call": N_("Request for a call"),
    "reason": N_("Reason for the correction"),
}

NextTry = Annotated[TypedDay, Depends(day_of_form("next_try"))]
FROM_PARTICIPANT = "participant"
_SHOWN = 5
"""Entries that stand beside the form."""

router = APIRouter(include_in_schema=False)


@router.get(CONTACT_LOG)
def show_contact_form(request: PermittedRequest, back: str = "") -> Response:
    page = _new_page(request, FROM_PARTICIPANT if back == FROM_PARTICIPANT else "")
    if request.http.headers.get("hx-request"):
        return request.show_block(page, "under")
    return request.show(page)


@router.post(CONTACT_LOG)
def add_contact(
    request: PermittedRequest,
    next_try: NextTry,
    outcome: ActCode = "",
    note: ActWords = "",
    answers_call: ActCode = "",
    back: ActCode = "",
) -> Response:
    """Record a contact, and lead back to where it was logged."""
    acting, answers = _towards(request, back), bool(answers_call)
    page = replace(
        _new_page(request, back), outcome=outcome, note=note, next_try=next_try, answers_call=answers
    )
    today = local_day(request.at, page.zone)
    try:
        check_all(
            request.act.check_texts,
            lambda: next_try.parse_optional("next_try"),
            lambda: parse_contact_note(outcome, note, next_try.on, today, answers_call=answers),
        )
        participant = request.participant.participant_id
        log_contact(acting.context, participant, outcome, note, next_try.on, answers_call=answers)
    except Refused as refused:
        return _show_refused(request, page, refused)
    return acting.finish()


@router.get(CONTACT_ENTRY)
def show_contact_correction(request: PermittedRequest, entry: RowNumber) -> Response:
    return request.show(_correction_page(request, entry))


@router.post(CONTACT_ENTRY)
def add_contact_correction(
    request: PermittedRequest,
    entry: RowNumber,
    next_try: NextTry,
    outcome: ActCode = "",
    note: ActWords = "",
    reason: ActWords = "",
) -> Response:
    """Record how an entry should have read; what it said stays in the log."""
    page, day = _correction_page(request, entry), next_try.on
    today = local_day(page.entry.contacted_at if page.entry else request.at, page.zone)
    page = replace(page, outcome=outcome, note=note, next_try=next_try, reason=reason)
    try:
        check_all(
            request.act.check_texts,
            lambda: next_try.parse_optional("next_try"),
            lambda: parse_contact_correction(outcome, note, day, today, reason),
        )
        correct_contact(
            request.context, request.participant.participant_id, entry, outcome, note, day, reason
        )
    except Refused as refused:
        return _show_refused(request, page, refused)
    return request.finish()


def _towards(request: ParticipantStaffRequest, back: str) -> ParticipantStaffRequest:
    """The act with the address at which it began: the participant's page, or the list."""
    if back != FROM_PARTICIPANT:
        return request
    return request.with_act(
        result=request.frame.within(f"{url_of_participant(request.participant.public_id)}?done=contact")
    )


def _show_refused(request: ParticipantStaffRequest, page: ContactFormPage, refused: Refused) -> Response:
    faults = list_faults(request, refused, LABELS, prefix=f"{page.key}-")
    return request.show(replace(page, faults=faults), refused)


def _new_page(request: ParticipantStaffRequest, back: str) -> ContactFormPage:
    about = get_contact_context(request.context, request.participant.participant_id)
    public_id = request.participant.public_id
    return ContactFormPage(
        key=public_id,
        subject=about.subject,
        url=url_of_participant(public_id),
        action_url=CONTACT_LOG.format(participant=public_id),
        back=back,
        outcomes=tuple(ContactOutcome),
        channel=about.address.channel if about.address else "",
        address=about.address.address if about.address else "",
        telephone=about.address.telephone if about.address else "",
        reveal_url=CONTACT.format(participant=public_id),
        called_at=about.called_at,
        zone=about.zone,
        exit=about.exit_kind.value if about.exit_kind else "",
        log=about.log[:_SHOWN],
    )


def _correction_page(request: ParticipantStaffRequest, entry_id: int) -> ContactFormPage:
    """Raises Refused("unknown_contact"); of an entry that was corrected the newest version is shown."""
    about = get_contact_context(request.context, request.participant.participant_id)
    named = (
        contact
        for contact in about.log
        if entry_id in {contact.entry_id, *(old.entry_id for old in contact.corrected)}
    )
    entry = next(named, None)
    if entry is None:
        raise Refused("unknown_contact")
    public_id = request.participant.public_id
    return replace(
        _new_page(request, FROM_PARTICIPANT),
        action_url=CONTACT_ENTRY.format(participant=public_id, entry=entry.entry_id),
        called_at=None,
        entry=entry,
        outcome=entry.outcome,
        note="" if request.veil_texts(entry.note) != entry.note else entry.note,  # no words of ours
        next_try=TypedDay.from_date(entry.next_try_on) if entry.next_try_on else NOTHING_TYPED,
    )
