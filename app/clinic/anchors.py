"""Dated facts: entered, previewed, and only then recorded."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, find_field, list_faults, words_by_label
from app.clinic.frame.typed_day import NOTHING_TYPED, TypedDay, day_of_form
from app.clinic.records.participant_rows import instrument_name, participant_url
from app.clinic.request import (
    CONFIRM,
    ParticipantStaffRequest,
    PermittedRequest,
    StaffRequest,
    get_overview,
)
from app.domain.plans.plan import TREATMENT_WITHDRAWAL, Owner
from app.domain.plans.rescheduling import WindowMove
from app.domain.plans.windows import Window
from app.domain.records.acts import fingerprint_consequences
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import trim_words
from app.i18n.marking import N_
from app.services.clinic.participant_overview import ParticipantOverview
from app.services.clinic.previews import preview_anchor_entry, record_shown_anchor
from app.services.schedule.anchors import AnchorEntry
from app.services.schedule.slots import ScheduleProposal
from app.web.acts import STALE
from app.web.form_fields import ActCode, ActWords
from app.web.urls import DATES


@dataclass(frozen=True, slots=True)
class MoveRow:
    """How one form's window changes; diary days are grouped into one row, with their number."""

    visit: str
    form: str
    old: tuple[date, date] | None
    new: tuple[date, date] | None
    missed: bool
    days: int = 0


@dataclass(frozen=True, slots=True)
class AnchorPage:
    """A dated fact: first typed, then previewed, then recorded."""

    template: ClassVar[str] = "clinic/dates.html"
    subject: str
    back_url: str
    action_url: str
    kinds: tuple[tuple[str, str, str], ...]  # code, label, owner
    kind: str
    on: TypedDay
    reason: str
    step: str  # "enter" | "confirm"
    label: str = ""
    moves: tuple[MoveRow, ...] = ()
    dated_on: date | None = None
    missed: bool = False
    stays: date | None = None
    faults: FormFaults = NO_FAULTS
    shown: str = ""  # the fingerprint of what is listed
    contradicts: bool = False  # the plan lets staff confirm it
    against: str = ""  # "yes" once they did


LABELS = {"kind": N_("What"), "on": N_("Date"), "reason": N_("Reason")}

router = APIRouter(include_in_schema=False)


@router.get(DATES)
def show_anchor_form(request: PermittedRequest, kind: str = "") -> Response:
    return request.show(_dates_page(request, get_overview(request), kind, NOTHING_TYPED, ""))


@router.post(DATES)
def post_anchor(
    request: PermittedRequest,
    on: Annotated[TypedDay, Depends(day_of_form("on"))],
    kind: ActCode = "",
    reason: ActWords = "",
    step: ActCode = "",
    shown: ActCode = "",
    against: ActCode = "",
) -> Response:
    """Shows what would move; records it once exactly that was confirmed."""
    view = get_overview(request)
    page = replace(_dates_page(request, view, kind, on, reason), against=against)
    try:
        check_all(request.act.check_texts, lambda: _check_kind(view, kind), lambda: on.parse("on"))
        entry = _entry(page)
        if step != CONFIRM:
            return request.show(_preview(request, view, page, entry))
        if _stays(view, entry):
            request = request.with_act(result=f"{page.back_url}?done=differing")
        record_shown_anchor(request.context, request.participant.participant_id, entry, shown)
    except Refused as refused:
        return _show_refused(request, view, page, refused)
    return request.finish()


def _show_refused(
    request: ParticipantStaffRequest, view: ParticipantOverview, page: AnchorPage, refused: Refused
) -> Response:
    """Why nothing was recorded, with what was typed; and what would change now, where that has changed."""
    page = replace(
        page,
        faults=list_faults(
            request, refused, LABELS, find=_find_field, tell=lambda fault: _words(request, view, fault)
        ),
        contradicts=refused.code == "dates_contradict" and view.plan.confirms_contradictions,
    )
    if refused.code not in STALE:
        return request.show(page, refused)
    try:
        entry = _entry(page)
        return request.show(_preview(request, view, page, entry), refused)
    except Refused:
        return request.show(page, refused)


def _words(request: ParticipantStaffRequest, view: ParticipantOverview, refused: Refused) -> str:
    """A refusal in words, in which a kind of date is called by its label."""
    if refused.code != "dates_contradict":
        return words_by_label(request, refused, LABELS)
    label = view.plan.anchor_label(str(refused.details["kind"]), request.frame.code)
    return request.translate_refusal(Refused(refused.code, **{**refused.details, "kind": label}))


def _find_field(refused: Refused) -> str:
    field = find_field(refused, LABELS)
    return "on" if field == "main" else field


def _check_kind(view: ParticipantOverview, kind: str) -> None:
    if kind not in _kinds(view):
        raise Refused("unknown_anchor", field="kind", kind=kind, allowed=_kinds(view))


def _entry(page: AnchorPage) -> AnchorEntry:
    day, reason = page.on.parse("on"), trim_words(page.reason) or None
    return AnchorEntry(page.kind, day, Owner.site, reason, against_order=page.against == "yes")


def _kinds(view: ParticipantOverview) -> tuple[str, ...]:
    """Dates that site staff type; leaving treatment is recorded as leaving."""
    return tuple(dated.kind.kind for dated in view.dates if dated.kind.kind != TREATMENT_WITHDRAWAL)


def _dates_page(
    request: StaffRequest, view: ParticipantOverview, kind: str, on: TypedDay, reason: str
) -> AnchorPage:
    owners = {dated.kind.kind: dated.kind.owner.value for dated in view.dates}
    return AnchorPage(
        subject=view.participant.subject,
        back_url=participant_url(view),
        action_url=f"{participant_url(view)}/dates",
        kinds=tuple(
            (kind, view.plan.anchor_label(kind, request.frame.code), owners[kind]) for kind in _kinds(view)
        ),
        kind=kind,
        on=on,
        reason=reason,
        step="enter",
    )


def _preview(
    request: ParticipantStaffRequest, view: ParticipantOverview, page: AnchorPage, entry: AnchorEntry
) -> AnchorPage:
    """The page that lists what would change. Raises as `preview_anchor_entry`."""
    proposal = preview_anchor_entry(request.context, request.participant.participant_id, entry)
    stays = _stays(view, entry)
    return replace(
        page,
        step=CONFIRM,
        label=view.plan.anchor_label(entry.kind, request.frame.code),
        dated_on=entry.on,
        moves=() if stays else _move_rows(request, view, proposal),
        missed=not stays and bool(proposal.would_be_missed),
        stays=stays,
        shown=fingerprint_consequences(proposal),
    )


def _stays(view: ParticipantOverview, entry: AnchorEntry) -> date | None:
    """The date of its owner that stays in force beside this one, which is listed as differing."""
    dated = next(history for history in view.dates if history.kind.kind == entry.kind)
    current = dated.current
    if current is None or current.source == entry.source or dated.kind.owner is entry.source:
        return None
    return current.dated_on if current.dated_on != entry.on else None


def _move_rows(
    request: StaffRequest, view: ParticipantOverview, proposal: ScheduleProposal
) -> tuple[MoveRow, ...]:
    """The moves visit by visit; diary days in one row, those that would be missed in another."""
    diary = view.plan.diary.instrument if view.plan.diary else ""
    rows = [_move_row(request, view, move) for move in proposal.moves if move.key[1] != diary]
    for missed in (True, False):
        days = [move for move in proposal.moves if move.key[1] == diary and move.would_be_missed is missed]
        if days:
            first = _move_row(request, view, days[0])
            rows.append(replace(first, visit="", new=_span(days), old=None, days=len(days)))
    return tuple(rows)


def _move_row(request: StaffRequest, view: ParticipantOverview, move: WindowMove) -> MoveRow:
    visit, instrument = move.key
    name = instrument_name(request.installation, view, instrument, request.frame.code)
    return MoveRow(visit, name, _days(move.old), _days(move.new), move.would_be_missed)


def _days(window: Window | None) -> tuple[date, date] | None:
    return (window.opens_on, window.closes_on) if window else None


def _span(moves: list[WindowMove]) -> tuple[date, date] | None:
    windows = [move.new for move in moves if move.new is not None]
    return (windows[0].opens_on, windows[-1].closes_on) if windows else None
