"""Withdrawal, death and completion: entered, previewed, and only then recorded."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from starlette.responses import Response

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
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text
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
    error: str = ""
    field: str = "stated"
    shown: str = ""  # the fingerprint of what is listed


router = APIRouter(include_in_schema=False)


@router.get(DISPOSITION)
def show_disposition_form(desk: PermittedRequest) -> Response:
    return desk.show(_disposition_page(desk, get_overview(desk), "", NOTHING_TYPED, ""))


@router.post(DISPOSITION)
def take_disposition(
    desk: PermittedRequest,
    stated: Annotated[TypedDay, Depends(day_of_form("stated"))],
    kind: ActCode = "",
    reason: ActWords = "",
    step: ActCode = "",
    shown: ActCode = "",
) -> Response:
    """Lists what stops; records it once exactly that was confirmed."""
    page = _disposition_page(desk, get_overview(desk), kind, stated, reason)
    try:
        desk.require_writable()
        entry = _entry(kind, stated, reason)
        if step != CONFIRM:
            return desk.show(_preview(desk, page, entry))
        record_shown_disposition(desk.context, desk.participant.participant_id, entry, shown)
    except Refused as refused:
        return _show_refused(desk, page, refused)
    return desk.finish()


def _entry(kind: str, stated: TypedDay, reason: str) -> DispositionEntry:
    if kind not in set(DispositionKind):
        raise Refused("unknown_disposition", field="kind", allowed=tuple(DispositionKind))
    chosen = DispositionKind(kind)
    return DispositionEntry(chosen, _read_stated(chosen, stated), Owner.site, reason.strip() or None)


def _read_stated(kind: DispositionKind, typed: TypedDay) -> str:
    """The date as it is stated: a day, or of a death a month alone. Raises as `TypedDay.parse`."""
    if kind is DispositionKind.death and not narrow_text(typed.day):
        return f"{replace(typed, day='1').parse('stated'):%Y-%m}"
    return typed.parse("stated").isoformat()


def _preview(
    desk: ParticipantStaffRequest, page: DispositionPage, entry: DispositionEntry
) -> DispositionPage:
    """The page that lists what stops. Raises as `preview_disposition_entry`."""
    preview = preview_disposition_entry(desk.context, desk.participant.participant_id, entry)
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


def _show_refused(desk: ParticipantStaffRequest, page: DispositionPage, refused: Refused) -> Response:
    """Why nothing was recorded, with what was typed; and what would stop now, where that has changed."""
    field = str(refused.details.get("field", "stated"))
    field = field if field in ("kind", "stated", "reason") else "stated"
    page = replace(page, error=desk.words(refused), field=field)
    if refused.code not in STALE:
        return desk.show(page, refused)
    try:
        return desk.show(_preview(desk, page, _entry(page.kind, page.stated, page.reason)), refused)
    except Refused:
        return desk.show(page, refused)


def _disposition_page(
    desk: StaffRequest, view: ParticipantOverview, kind: str, stated: TypedDay, reason: str
) -> DispositionPage:
    return DispositionPage(
        subject=view.participant.subject,
        back_url=participant_url(view),
        action_url=f"{participant_url(view)}/disposition",
        kinds=tuple(each.value for each in DispositionKind),
        kind=kind,
        stated=stated or TypedDay.of(local_day(desk.at, view.participant.zone)),
        reason=reason,
        step="enter",
    )
