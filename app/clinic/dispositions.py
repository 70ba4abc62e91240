"""Withdrawal, death and completion: entered, previewed, and only then recorded."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, find_field, list_faults
from app.clinic.frame.typed_day import NOTHING_TYPED, TypedDay, day_of_form
from app.clinic.records.participant_rows import participant_url
from app.clinic.request import (
    CONFIRM,
    ParticipantStaffRequest,
    PermittedRequest,
    StaffRequest,
    get_overview,
)
from app.domain.plans.plan import Owner
from app.domain.plans.windows import local_day
from app.domain.records.acts import fingerprint_consequences
from app.domain.records.dispositions import DispositionKind, check_disposition_reason
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import narrow_text, trim_words
from app.i18n.marking import N_
from app.services.clinic.participant_overview import ParticipantOverview
from app.services.clinic.previews import preview_disposition_entry, record_shown_disposition
from app.services.schedule.dispositions import DispositionEntry
from app.web.acts import STALE
from app.web.form_fields import ActCode, ActWords
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
    stated: TypedDay
    reason: str
    step: str  # "enter" | "confirm"
    effective_on: date | None = None
    ends: bool = False
    forms: tuple[str, ...] = ()
    diary_days: int = 0
    opens_early_termination: bool = False
    faults: FormFaults = NO_FAULTS
    shown: str = ""  # the fingerprint of what is listed


LABELS = {
    "kind": N_("What happened"),
    "stated": N_("Date of withdrawal, death or completion"),
    "reason": N_("Reason"),
}

router = APIRouter(include_in_schema=False)


@router.get(DISPOSITION)
def show_disposition_form(request: PermittedRequest) -> Response:
    return request.show(_disposition_page(request, get_overview(request), "", NOTHING_TYPED, ""))


@router.post(DISPOSITION)
def post_disposition(
    request: PermittedRequest,
    stated: Annotated[TypedDay, Depends(day_of_form("stated"))],
    kind: ActCode = "",
    reason: ActWords = "",
    step: ActCode = "",
    shown: ActCode = "",
) -> Response:
    """Lists what stops; records it once exactly that was confirmed."""
    page = _disposition_page(request, get_overview(request), kind, stated, reason)
    try:
        check_all(
            request.act.check_texts,
            lambda: _read_kind(kind),
            lambda: _read_stated(kind, stated),
            lambda: _check_reason(kind, reason),
        )
        entry = _entry(kind, stated, reason)
        if step != CONFIRM:
            return request.show(_preview(request, page, entry))
        record_shown_disposition(request.context, request.participant.participant_id, entry, shown)
    except Refused as refused:
        return _show_refused(request, page, refused)
    return request.finish()


def _entry(kind: str, stated: TypedDay, reason: str) -> DispositionEntry:
    read = _read_kind(kind), _read_stated(kind, stated)
    return DispositionEntry(*read, Owner.site, trim_words(reason) or None)


def _read_kind(kind: str) -> DispositionKind:
    if kind not in set(DispositionKind):
        raise Refused("unknown_disposition", field="kind", allowed=tuple(DispositionKind))
    return DispositionKind(kind)


def _check_reason(kind: str, reason: str) -> None:
    """Refuse one that has to say why and does not; of no kind nobody knows whether it has to."""
    if kind in set(DispositionKind):
        check_disposition_reason(DispositionKind(kind), trim_words(reason))


def _read_stated(kind: str, typed: TypedDay) -> str:
    """The date as it is stated: a day, or of a death a month alone. Raises as `TypedDay.parse`."""
    if kind == DispositionKind.death and not narrow_text(typed.day):
        return f"{replace(typed, day='1').parse('stated'):%Y-%m}"
    return typed.parse("stated").isoformat()


def _preview(
    request: ParticipantStaffRequest, page: DispositionPage, entry: DispositionEntry
) -> DispositionPage:
    """The page that lists what stops. Raises as `preview_disposition_entry`."""
    preview = preview_disposition_entry(request.context, request.participant.participant_id, entry)
    return replace(
        page,
        step=CONFIRM,
        effective_on=preview.effective_on,
        ends=preview.ends,
        forms=preview.forms,
        diary_days=preview.diary_days,
        opens_early_termination=preview.opens_early_termination,
        shown=fingerprint_consequences(preview),
    )


def _show_refused(request: ParticipantStaffRequest, page: DispositionPage, refused: Refused) -> Response:
    """Why nothing was recorded, with what was typed; and what would stop now, where that has changed."""
    page = replace(page, faults=list_faults(request, refused, LABELS, find=_find_field))
    if refused.code not in STALE:
        return request.show(page, refused)
    try:
        return request.show(_preview(request, page, _entry(page.kind, page.stated, page.reason)), refused)
    except Refused:
        return request.show(page, refused)


def _find_field(refused: Refused) -> str:
    field = find_field(refused, LABELS)
    return "stated" if field == "main" else field


def _disposition_page(
    request: StaffRequest, view: ParticipantOverview, kind: str, stated: TypedDay, reason: str
) -> DispositionPage:
    return DispositionPage(
        subject=view.participant.subject,
        back_url=participant_url(view),
        action_url=f"{participant_url(view)}/disposition",
        kinds=tuple(code.value for code in DispositionKind),
        kind=kind,
        stated=stated or TypedDay.from_date(local_day(request.at, view.participant.zone)),
        reason=reason,
        step="enter",
    )
