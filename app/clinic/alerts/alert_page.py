"""One alert, and the three acts by which staff deal with it."""

from dataclasses import dataclass, replace
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.alerts.alert_rows import AlertRow, build_alert_row
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.request import ParticipantStaffRequest, PermittedRequest
from app.domain.alerts.handling import AlertActionKind, check_alert_words, parse_alert_note
from app.domain.refusal import Refused, check_all
from app.i18n.marking import N_
from app.services.clinic.alerts.alert_acts import acknowledge_alert, close_alert, record_alert_action
from app.services.clinic.alerts.alert_list import get_alert
from app.web.form_fields import ActCode, ActWords
from app.web.urls import ALERT, ALERT_ACKNOWLEDGEMENT, ALERT_ACTIONS, ALERT_CLOSING, ALERTS, CONTACT_LOG


@dataclass(frozen=True, slots=True)
class AlertPage:
    """An alert with what may be done next. `faults` name their form; what was typed stays."""

    template: ClassVar[str] = "clinic/alert.html"
    alert: AlertRow
    list_url: str
    call_url: str
    kinds: tuple[str, ...]
    done: str = ""
    kind: str = ""
    note: str = ""
    faults: FormFaults = NO_FAULTS


LABELS = {"kind": N_("What was done"), "note": N_("Note")}
DONE = ("acknowledged", "acted", "closed")
_ACTION, _CLOSING = "action", "closing"

router = APIRouter(include_in_schema=False)


@router.get(ALERT)
def show_alert(request: PermittedRequest, alert: str, done: str = "") -> Response:
    return request.show(_page(request, alert, done=done if done in DONE else ""))


@router.post(ALERT_ACKNOWLEDGEMENT)
def post_acknowledgement(request: PermittedRequest, alert: str) -> Response:
    try:
        acknowledge_alert(request.context, request.participant.participant_id, alert)
    except Refused as refused:
        return _show_refused(request, alert, refused)
    return request.finish()


@router.post(ALERT_ACTIONS)
def add_action(request: PermittedRequest, alert: str, kind: ActCode = "", note: ActWords = "") -> Response:
    try:
        check_all(request.act.check_texts, lambda: check_alert_words(kind, note))
        record_alert_action(request.context, request.participant.participant_id, alert, kind, note)
    except Refused as refused:
        return _show_refused(request, alert, refused, _ACTION, kind, note)
    return request.finish()


@router.post(ALERT_CLOSING)
def post_closing(request: PermittedRequest, alert: str, note: ActWords = "") -> Response:
    try:
        check_all(request.act.check_texts, lambda: parse_alert_note(note))
        close_alert(request.context, request.participant.participant_id, alert, note)
    except Refused as refused:
        return _show_refused(request, alert, refused, _CLOSING, note=note)
    return request.finish()


def _show_refused(
    request: ParticipantStaffRequest,
    alert: str,
    refused: Refused,
    form: str = "",
    kind: str = "",
    note: str = "",
) -> Response:
    """The alert as it is now, why nothing was done, and what was typed."""
    if refused.code == "unknown_alert":
        raise refused
    faults = list_faults(request, refused, LABELS, form=form, prefix=f"{form}-")
    return request.show(replace(_page(request, alert, kind=kind, note=note), faults=faults), refused)


def _page(
    request: ParticipantStaffRequest, alert: str, done: str = "", kind: str = "", note: str = ""
) -> AlertPage:
    details = get_alert(request.context, request.participant.participant_id, alert)
    return AlertPage(
        alert=build_alert_row(request.installation, details, request.frame.code),
        list_url=request.frame.back_to(ALERTS),
        call_url=CONTACT_LOG.format(participant=details.participant),
        kinds=tuple(AlertActionKind),
        done=done,
        kind=kind,
        note=note,
    )
