"""Snoozing a row of the work list, and ending the snooze."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.frame.typed_day import NOTHING_TYPED, TypedDay, day_of_form
from app.clinic.request import ParticipantStaffRequest, PermittedRequest, url_of_participant
from app.domain.plans.windows import local_day
from app.domain.refusal import Refused, check_all
from app.domain.today.contacts import LONGEST_SNOOZE_DAYS, parse_snooze, split_reasons
from app.domain.today.reasons import STAYING
from app.i18n.marking import N_
from app.services.clinic.today.contact_log import get_contact_context
from app.services.clinic.today.participant_work import get_participant_work
from app.services.clinic.today.rows import TodaySnooze
from app.services.clinic.today.snoozing import resume_participant, snooze_participant
from app.web.form_fields import ActCode, ActWords
from app.web.urls import DESK, RESUME, SNOOZE


@dataclass(frozen=True, slots=True)
class SnoozePage:
    """Until when to snooze a row and why; `reasons` that can be; `rests`: the snooze it has already.

    `stays`: for another reason the row stays on the list all the same.
    """

    template: ClassVar[str] = "clinic/snooze.html"
    key: str
    subject: str
    url: str
    action_url: str
    reasons: tuple[str, ...]
    first_day: date
    last_day: date
    rests: TodaySnooze | None
    zone: str
    stays: bool
    reason: str = ""
    until: TypedDay = NOTHING_TYPED
    faults: FormFaults = NO_FAULTS


LABELS = {"reason": N_("Why it can wait"), "until": N_("Snooze until")}

router = APIRouter(include_in_schema=False)


@router.get(SNOOZE)
def show_snooze(request: PermittedRequest) -> Response:
    page = _page(request)
    if request.http.headers.get("hx-request"):
        return request.show_block(page, "under")
    return request.show(page)


@router.post(SNOOZE)
def snooze_row(
    request: PermittedRequest,
    until: Annotated[TypedDay, Depends(day_of_form("until"))],
    reasons: ActCode = "",
    reason: ActWords = "",
) -> Response:
    """Snooze the row for the reasons that the page showed."""
    page = replace(_page(request), reason=reason, until=until)
    try:
        check_all(
            request.act.check_texts,
            lambda: until.parse_optional("until"),
            lambda: parse_snooze(reason, until.on, page.first_day - timedelta(days=1)),
        )
        shown = split_reasons(reasons)
        snooze_participant(request.context, request.participant.participant_id, shown, reason, until.on)
    except Refused as refused:
        faults = list_faults(request, refused, LABELS, prefix=f"{page.key}-")
        return request.show(replace(page, faults=faults), refused)
    return request.finish()


@router.post(RESUME)
def resume_row(request: PermittedRequest) -> Response:
    """End the snooze (idempotent); the answer leads to the list."""
    try:
        resume_participant(request.context, request.participant.participant_id)
    except Refused as refused:
        if refused.code != "not_snoozed":
            raise
        return RedirectResponse(request.frame.back_to(DESK), 303)
    return request.finish()


def _page(request: ParticipantStaffRequest) -> SnoozePage:
    participant = request.participant
    about = get_contact_context(request.context, participant.participant_id)
    today = local_day(request.at, about.zone)
    work = get_participant_work(request.context, participant.participant_id)
    return SnoozePage(
        key=participant.public_id,
        subject=about.subject,
        url=url_of_participant(participant.public_id),
        action_url=SNOOZE.format(participant=participant.public_id),
        reasons=tuple(reason.reason.value for reason in work.reasons if reason.reason not in STAYING),
        first_day=today + timedelta(days=1),
        last_day=today + timedelta(days=LONGEST_SNOOZE_DAYS),
        rests=work.snooze,
        zone=about.zone,
        stays=any(reason.reason in STAYING for reason in work.reasons),
    )
