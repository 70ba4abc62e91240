"""Withdrawal, death and completion: entered, previewed, and only then recorded."""

from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.participant import participant_url
from app.clinic.request import (
    CONFIRM,
    PermittedRequest,
    StaffRequest,
    get_overview,
    return_to_participant,
)
from app.domain.plans.plan import Owner
from app.domain.plans.windows import local_day
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.clinic.participant_overview import ParticipantOverview
from app.services.clinic.previews import preview_disposition_entry
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.web.form_fields import TypedCode, TypedWords
from app.web.urls import DISPOSITION


@dataclass(frozen=True, slots=True)
class DispositionPage:
    """Leaving: first typed, then what stops is listed, then recorded."""

    template: ClassVar[str] = "clinic/disposition.html"
    subject: str
    back_url: str
    action_url: str
    kinds: tuple[str, ...]
    kind: str
    stated: str
    reason: str
    today: str
    step: str  # "enter" | "confirm"
    effective_on: date | None = None
    ends: bool = False
    forms: tuple[str, ...] = ()
    diary_days: int = 0
    opens_early_termination: bool = False
    error: str = ""


router = APIRouter(include_in_schema=False)


@router.get(DISPOSITION)
def show_disposition_form(desk: PermittedRequest) -> Response:
    return desk.show(_disposition_page(desk, get_overview(desk), "", "", ""))


@router.post(DISPOSITION)
def take_disposition(
    desk: PermittedRequest,
    kind: TypedCode = "",
    stated: TypedCode = "",
    reason: TypedWords = "",
    step: TypedCode = "",
) -> Response:
    """Lists what stops; records it once confirmed."""
    participant = desk.participant
    page = _disposition_page(desk, get_overview(desk), kind, stated, reason)
    try:
        if kind not in set(DispositionKind):
            raise Refused("unknown_disposition", field="kind", allowed=tuple(DispositionKind))
        entry = DispositionEntry(DispositionKind(kind), stated, Owner.site, reason.strip() or None)
        if step != CONFIRM:
            preview = preview_disposition_entry(desk.context, participant.participant_id, entry)
            return desk.show(
                replace(
                    page,
                    step=CONFIRM,
                    effective_on=preview.effective_on,
                    ends=preview.ends,
                    forms=preview.forms,
                    diary_days=preview.diary_days,
                    opens_early_termination=preview.opens_early_termination,
                )
            )
        record_disposition(desk.context, participant.study_id, participant.subject, entry)
    except Refused as refused:
        return desk.show(replace(page, error=desk.words(refused)), refused)
    return return_to_participant(desk, "disposition")


def _disposition_page(
    desk: StaffRequest, view: ParticipantOverview, kind: str, stated: str, reason: str
) -> DispositionPage:
    return DispositionPage(
        subject=view.participant.subject,
        back_url=participant_url(view),
        action_url=f"{participant_url(view)}/disposition",
        kinds=tuple(each.value for each in DispositionKind),
        kind=kind,
        stated=stated,
        reason=reason,
        today=local_day(desk.at, view.participant.zone).isoformat(),
        step="enter",
    )
