"""Dated facts and leaving: typed, previewed, and only then recorded."""

from dataclasses import replace
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from app.clinic.change_pages import DatesPage, DispositionPage, MoveRow
from app.clinic.desk import AtDesk, Desk, typed_day
from app.clinic.participant import allowed, done, view_of
from app.clinic.views import address_of, name_of
from app.domain.access import Permission
from app.domain.plan import Owner
from app.domain.refusal import Refused
from app.domain.schedule import Move
from app.domain.window import Window, local_day
from app.services.anchors import AnchorEntry, preview_anchor, record_anchor
from app.services.dispositions import TREATMENT_WITHDRAWAL, DispositionEntry, Kind, record_disposition
from app.services.participant_page import Overview
from app.services.scheduling import Proposal
from app.services.stopping import what_stops

CONFIRM = "confirm"
Typed = Annotated[str, Form(max_length=400)]

router = APIRouter(include_in_schema=False)


@router.get("/desk/participants/{participant}/dates")
def ask_date(desk: AtDesk, participant: str, kind: str = "") -> Response:
    allowed(desk, participant, Permission.ANCHOR_RECORD)
    return desk.show(_dates_page(desk, view_of(desk, participant), kind, "", ""))


@router.post("/desk/participants/{participant}/dates")
def take_date(
    desk: AtDesk,
    participant: str,
    kind: Typed = "",
    on: Typed = "",
    reason: Typed = "",
    step: Typed = "",
    missed: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    """Shows what would move; records it once exactly that was confirmed."""
    found = allowed(desk, participant, Permission.ANCHOR_RECORD)
    view = view_of(desk, participant)
    page = _dates_page(desk, view, kind, on, reason)
    try:
        entry = _entry(view, kind, on, reason)
        with desk.daybook.read() as session:
            proposal = preview_anchor(desk.daybook, session, found, entry, desk.at)
        preview = _preview(desk, view, page, entry, proposal)
        if step != CONFIRM or preview.missed != missed:
            return desk.show(preview)
        record_anchor(desk.daybook, desk.actor, found.study_id, found.subject, entry, desk.at, confirmed=True)
    except Refused as refused:
        return desk.show(replace(page, error=desk.words(refused)), refused)
    return done(participant, "differing" if preview.stays else "date")


@router.get("/desk/participants/{participant}/disposition")
def ask_disposition(desk: AtDesk, participant: str) -> Response:
    allowed(desk, participant, Permission.DISPOSITION_RECORD)
    return desk.show(_disposition_page(desk, view_of(desk, participant), "", "", ""))


@router.post("/desk/participants/{participant}/disposition")
def take_disposition(
    desk: AtDesk,
    participant: str,
    kind: Typed = "",
    stated: Typed = "",
    reason: Typed = "",
    step: Typed = "",
) -> Response:
    """Lists what stops; records it once confirmed."""
    found = allowed(desk, participant, Permission.DISPOSITION_RECORD)
    view = view_of(desk, participant)
    page = _disposition_page(desk, view, kind, stated, reason)
    try:
        if kind not in set(Kind):
            raise Refused("unknown_disposition", field="kind", allowed=tuple(Kind))
        entry = DispositionEntry(Kind(kind), stated.strip(), Owner.site, reason.strip() or None)
        if step != CONFIRM:
            with desk.daybook.read() as session:
                stop = what_stops(session, view.plan, found, entry, desk.at)
            return desk.show(
                replace(
                    page,
                    step=CONFIRM,
                    effective_on=stop.effective_on,
                    ends=stop.ends,
                    forms=stop.forms,
                    diary_days=stop.diary_days,
                    opens_early_termination=stop.opens_early_termination,
                )
            )
        record_disposition(desk.daybook, desk.actor, found.study_id, found.subject, entry, desk.at)
    except Refused as refused:
        return desk.show(replace(page, error=desk.words(refused)), refused)
    return done(participant, "disposition")


def _entry(view: Overview, kind: str, on: str, reason: str) -> AnchorEntry:
    if kind not in [dated.kind.kind for dated in view.dates] or kind == TREATMENT_WITHDRAWAL:
        raise Refused("unknown_anchor", kind=kind, allowed=_kinds(view))
    return AnchorEntry(kind, typed_day(on, "on"), Owner.site, reason.strip() or None)


def _kinds(view: Overview) -> tuple[str, ...]:
    """Dates that site staff type; leaving treatment is recorded as leaving."""
    return tuple(dated.kind.kind for dated in view.dates if dated.kind.kind != TREATMENT_WITHDRAWAL)


def _dates_page(desk: Desk, view: Overview, kind: str, on: str, reason: str) -> DatesPage:
    owners = {dated.kind.kind: dated.kind.owner.value for dated in view.dates}
    return DatesPage(
        subject=view.participant.subject,
        back_url=address_of(view),
        action_url=f"{address_of(view)}/dates",
        kinds=tuple((each, owners[each]) for each in _kinds(view)),
        kind=kind,
        on=on,
        reason=reason,
        today=local_day(desk.at, view.participant.zone).isoformat(),
        step="enter",
    )


def _preview(
    desk: Desk, view: Overview, page: DatesPage, entry: AnchorEntry, proposal: Proposal
) -> DatesPage:
    dated = next(each for each in view.dates if each.kind.kind == entry.kind)
    current = dated.current
    other = current is not None and current.source != entry.source and dated.kind.owner is not entry.source
    stays = current.dated_on if current and other and current.dated_on != entry.on else None
    missed = "" if stays else ",".join(f"{visit} {form}" for visit, form in proposal.would_be_missed)
    moves = () if stays else _move_rows(desk, view, proposal)
    return replace(page, step=CONFIRM, dated_on=entry.on, moves=moves, missed=missed, stays=stays)


def _move_rows(desk: Desk, view: Overview, proposal: Proposal) -> tuple[MoveRow, ...]:
    """The moves visit by visit; diary days are told together, those that would be missed apart."""
    diary = view.plan.diary.instrument if view.plan.diary else ""
    rows = [_move_row(desk, view, move) for move in proposal.moves if move.key[1] != diary]
    for missed in (True, False):
        days = [move for move in proposal.moves if move.key[1] == diary and move.would_be_missed is missed]
        if days:
            first = _move_row(desk, view, days[0])
            rows.append(replace(first, visit="", new=_span(days), old=None, days=len(days)))
    return tuple(rows)


def _move_row(desk: Desk, view: Overview, move: Move) -> MoveRow:
    visit, instrument = move.key
    name = name_of(desk.daybook, view, instrument, desk.shell.code)
    return MoveRow(visit, name, _days(move.old), _days(move.new), move.would_be_missed)


def _days(window: Window | None) -> tuple[date, date] | None:
    return (window.opens_on, window.closes_on) if window else None


def _span(moves: list[Move]) -> tuple[date, date] | None:
    windows = [move.new for move in moves if move.new is not None]
    return (windows[0].opens_on, windows[-1].closes_on) if windows else None


def _disposition_page(desk: Desk, view: Overview, kind: str, stated: str, reason: str) -> DispositionPage:
    return DispositionPage(
        subject=view.participant.subject,
        back_url=address_of(view),
        action_url=f"{address_of(view)}/disposition",
        kinds=tuple(each.value for each in Kind),
        kind=kind,
        stated=stated,
        reason=reason,
        today=local_day(desk.at, view.participant.zone).isoformat(),
        step="enter",
    )
