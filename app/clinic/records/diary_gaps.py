"""Saying in one act why the days of a diary gap have no entry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.request import ParticipantStaffRequest, PermittedRequest, get_overview, url_of_participant
from app.domain.desk.diary_gaps import DiaryGap
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import parse_day
from app.i18n.marking import N_
from app.services.schedule.missed_reasons import ShownGap, check_missed_reason, record_gap_reason
from app.web.form_fields import ActCode, ActWords, parse_number
from app.web.urls import DIARY_GAPS


@dataclass(frozen=True, slots=True)
class GapRow:
    """A stretch of the diary without entries, as it is listed; `url` leads to the form that explains it."""

    first: date
    last: date
    days: int
    entries: int
    url: str

    def reaches_days(self, first: str, last: str) -> bool:
        """Whether a day of it lies between these, which are written as an address has them."""
        return self.first.isoformat() <= last and first <= self.last.isoformat()


@dataclass(frozen=True, slots=True)
class DiaryGapPage:
    """The gap that is to be explained, None for none, the others, and what was typed.

    `diary`: the study has one.
    """

    template: ClassVar[str] = "clinic/diary_gap.html"
    subject: str
    back_url: str
    action_url: str
    chosen: GapRow | None
    others: tuple[GapRow, ...]
    reasons: tuple[str, ...]
    diary: bool
    reason: str = ""
    note: str = ""
    faults: FormFaults = NO_FAULTS


LABELS = {"reason": N_("Why was it missed?"), "note": N_("Note")}

router = APIRouter(include_in_schema=False)


@router.get(DIARY_GAPS)
def show_diary_gap(request: PermittedRequest, first: str = "") -> Response:
    """The gap that begins on this day or holds it; without one the list of all."""
    return request.show(_page(request, first, first))


@router.post(DIARY_GAPS)
def explain_diary_gap(
    request: PermittedRequest,
    first: ActCode = "",
    last: ActCode = "",
    entries: ActCode = "",
    reason: ActCode = "",
    note: ActWords = "",
) -> Response:
    plan = get_overview(request).plan
    try:
        check_all(request.act.check_texts, lambda: check_missed_reason(plan, reason, note))
        shown = ShownGap(parse_day(first, "first"), parse_day(last, "last"), parse_number(entries, "entries"))
        record_gap_reason(request.context, request.participant.participant_id, shown, reason, note)
    except Refused as refused:
        page = replace(_page(request, first, last), reason=reason, note=note)
        return request.show(replace(page, faults=list_faults(request, refused, LABELS)), refused)
    return request.finish()


def build_gaps(public_id: str, gaps: Sequence[DiaryGap]) -> tuple[GapRow, ...]:
    """The gaps of this participant's diary, the earliest first."""
    url = DIARY_GAPS.format(participant=public_id)
    return tuple(
        GapRow(gap.first, gap.last, gap.days, len(gap.entries), f"{url}?first={gap.first.isoformat()}")
        for gap in gaps
    )


def _page(request: ParticipantStaffRequest, first: str, last: str) -> DiaryGapPage:
    """The page as things are now, with the first gap that has a day of this stretch."""
    view = get_overview(request)
    gaps: Sequence[GapRow] = build_gaps(view.participant.public_id, view.gaps)
    chosen = next((gap for gap in gaps if first and gap.reaches_days(first, last)), None)
    return DiaryGapPage(
        subject=view.participant.subject,
        back_url=url_of_participant(view.participant.public_id),
        action_url=DIARY_GAPS.format(participant=view.participant.public_id),
        chosen=chosen,
        others=tuple(gap for gap in gaps if gap is not chosen),
        reasons=tuple(reason.value for reason in view.plan.missed_reasons),
        diary=view.plan.diary is not None,
    )
