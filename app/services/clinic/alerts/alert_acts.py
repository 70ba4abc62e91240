"""Handling an alert: acknowledging it, recording what was done, closing it; each an audited act."""

from app.domain.alerts.handling import (
    AlertState,
    check_acknowledgement,
    check_alert_act,
    derive_alert_state,
    parse_closing_note,
)
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.capture.alerting import name_alert
from app.services.core.context import StaffContext
from app.storage.queries.today.alerts import AlertRows, find_alert
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.capture import AlertAction
from app.storage.unit_of_work import UnitOfWork


def acknowledge_alert(context: StaffContext, participant_id: int, alert: str) -> None:
    """Acknowledge an alert as the one who handles it; it is not escalated any more.

    Raises Refused: "unknown_alert", "alert_acknowledged".
    """
    with context.unit_of_work() as work:
        rows, state = _read_locked(work, participant_id, alert)
        check_acknowledgement(state)
        row = rows.alert
        row.acknowledged_at, row.acknowledged_by, row.wake_at = context.at, context.actor.id, None
        _record(work, AuditEvent.ALERT_ACKNOWLEDGED, rows)


def record_alert_action(context: StaffContext, participant_id: int, alert: str, kind: str, note: str) -> None:
    """Record something that was done about an alert.

    Raises Refused: "unknown_alert", or as `check_alert_act`.
    """
    with context.unit_of_work() as work:
        rows, state = _read_locked(work, participant_id, alert)
        act = check_alert_act(state, kind, note)
        work.session.add(
            AlertAction(
                alert_id=rows.alert.id,
                participant_id=participant_id,
                kind=act.kind,
                note=act.note or None,
                recorded_at=context.at,
                recorded_by=context.actor.id,
            )
        )
        _record(work, AuditEvent.ALERT_ACTED, rows, act.note)


def close_alert(context: StaffContext, participant_id: int, alert: str, note: str) -> None:
    """Close an alert of which something that was done is recorded; it stays closed for ever.

    Raises Refused: "unknown_alert", or as `parse_closing_note`.
    """
    with context.unit_of_work() as work:
        rows, state = _read_locked(work, participant_id, alert)
        words, row = parse_closing_note(state, note), rows.alert
        row.closed_at, row.closed_by, row.closing_note = context.at, context.actor.id, words or None
        _record(work, AuditEvent.ALERT_CLOSED, rows, words)


def _read_locked(work: UnitOfWork, participant_id: int, alert: str) -> tuple[AlertRows, AlertState]:
    """The alert and its state, in line behind everything else about this participant."""
    work.lock(participant_chain(participant_id))
    rows = find_alert(work.session, participant_id, alert)
    if rows is None:
        raise Refused("unknown_alert")
    row = rows.alert
    return rows, derive_alert_state(row.acknowledged_at, rows.acted, row.closed_at)


def _record(work: UnitOfWork, event: AuditEvent, rows: AlertRows, note: str = "") -> None:
    about = name_alert(record_name(rows.slot), rows.alert.rule)
    work.record(event, participant_chain(rows.alert.participant_id), reason=note or None, changes=[about])
