"""How staff deal with an alert: they acknowledge it, record what was done, and close it, in this order."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.alerts.rules import AlertRule
from app.domain.people.identifying import names_somebody
from app.domain.refusal import Refused, raise_all
from app.domain.typed_text import trim_words


class AlertState(StrEnum):
    """The state of an alert, derived from the acts recorded for it."""

    waiting = "waiting"
    acknowledged = "acknowledged"
    acted = "acted"
    closed = "closed"


class AlertActionKind(StrEnum):
    """What was done about an alert: it may be a co-intervention, so it is counted by kind (ALR-03)."""

    called = "called"
    not_reached = "not_reached"
    physician_told = "physician_told"
    visit_arranged = "visit_arranged"
    sent_to_hospital = "sent_to_hospital"
    treatment_changed = "treatment_changed"
    nothing_needed = "nothing_needed"
    other = "other"


_EXPLAINED = frozenset({AlertActionKind.nothing_needed, AlertActionKind.other})
"""What says nothing without a note."""


@dataclass(frozen=True, slots=True)
class AlertAct:
    """A recorded act upon an alert: its kind and a note."""

    kind: AlertActionKind
    note: str


def derive_alert_state(
    acknowledged_at: datetime | None, actions: int, closed_at: datetime | None
) -> AlertState:
    """The state of an alert with so many recorded actions."""
    if closed_at is not None:
        return AlertState.closed
    if actions:
        return AlertState.acted
    return AlertState.waiting if acknowledged_at is None else AlertState.acknowledged


def check_acknowledgement(state: AlertState) -> None:
    """Refuse to acknowledge an alert twice: Refused("alert_acknowledged")."""
    if state is not AlertState.waiting:
        raise Refused("alert_acknowledged")


def check_alert_act(state: AlertState, kind: str, note: str) -> AlertAct:
    """Validate an act upon an alert; return it as it is recorded.

    Raises Refused: "alert_not_acknowledged", "alert_closed", "alert_action", "alert_note" for a kind that
    says nothing by itself, "identifying_words".
    """
    if state is AlertState.waiting:
        raise Refused("alert_not_acknowledged")
    if state is AlertState.closed:
        raise Refused("alert_closed")
    return check_alert_words(kind, note)


def check_alert_words(kind: str, note: str) -> AlertAct:
    """Refuse words that are missing or too long, whatever the alert's state.

    Raises Refused: "alert_action", "alert_note", "identifying_words".
    """
    refusals = []
    if kind not in tuple(AlertActionKind):
        refusals.append(Refused("alert_action", field="kind", allowed=tuple(AlertActionKind)))
    if kind in _EXPLAINED and not trim_words(note):
        refusals.append(Refused("alert_note", field="note"))
    if names_somebody(note):
        refusals.append(Refused("identifying_words", field="note"))
    raise_all(refusals)
    return AlertAct(AlertActionKind(kind), trim_words(note))


def parse_closing_note(state: AlertState, note: str) -> str:
    """The note of a closing. Raises Refused: "alert_closed", "alert_not_acted", "identifying_words"."""
    if state is AlertState.closed:
        raise Refused("alert_closed")
    if state is not AlertState.acted:
        raise Refused("alert_not_acted")
    return parse_alert_note(note)


def parse_alert_note(note: str) -> str:
    """The note without what surrounds it. Raises Refused("identifying_words")."""
    if names_somebody(note):
        raise Refused("identifying_words", field="note")
    return trim_words(note)


def deadline_of(rule: AlertRule, raised_at: datetime) -> datetime:
    """By when an alert of this rule is to be acknowledged."""
    return raised_at + timedelta(hours=rule.within_hours)


def escalates_at(rule: AlertRule, raised_at: datetime) -> datetime:
    """When an alert of this rule is escalated unless somebody has acknowledged it."""
    return raised_at + timedelta(hours=rule.escalate_after_hours)
