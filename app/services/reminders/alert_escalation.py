"""Telling staff of alerts when they are raised, and once more, to others, when nobody acknowledged in time.

One indexed column, `alert.wake_at`, says which alerts owe somebody a message; it is judged anew under the
chain of the participant, so that no two workers queue the same message, and the database holds one for each
alert, colleague and step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import col

from app.domain.alerts.handling import escalates_at
from app.domain.alerts.rules import AlertRule
from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.domain.records.messages import MessageState
from app.services.capture.alerting import name_alert
from app.services.core.context import ClockContext
from app.services.core.identifiers import new_public_id
from app.storage.queries.staff import GrantRules, list_site_staff
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.audit import AuditChain
from app.storage.tables.capture import ALERT_WAKING, Alert
from app.storage.tables.messages import AlertMessage
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study
from app.storage.unit_of_work import UnitOfWork

BATCH = 500


@dataclass(frozen=True, slots=True)
class DueAlert:
    """An alert that owes somebody a message, and whose it is."""

    alert_id: int
    participant_id: int


def alerts_due(context: ClockContext) -> Sequence[DueAlert]:
    """The alerts that owe a message at `at`, longest owed first, at most `BATCH`: a tick comes soon."""
    statement = (
        sa.select(col(Alert.id), col(Alert.participant_id))
        .where(ALERT_WAKING, col(Alert.wake_at) <= context.at)
        .order_by(col(Alert.wake_at), col(Alert.id))
        .limit(BATCH)
    )
    with context.read() as session:
        return [DueAlert(row.id, row.participant_id) for row in session.execute(statement)]


def process_due_alert(context: ClockContext, due: DueAlert) -> int:
    """Queue what an alert owes at `at`, in one transaction; returns how many messages.

    Nothing where somebody else is at the participant: the next tick comes soon. After an outage an alert that
    nobody was told of is told and escalated at once.
    """
    chain = participant_chain(due.participant_id)
    with context.unit_of_work() as work:
        free = sa.select(col(AuditChain.seq)).where(col(AuditChain.chain) == chain)
        if work.session.execute(free.with_for_update(skip_locked=True)).first() is None:
            return 0
        work.lock(chain)
        alert = work.session.get_one(Alert, due.alert_id)
        if alert.wake_at is None or alert.wake_at > context.at:
            return 0
        return _Turn.load(context, work, alert).notify_staff()


@dataclass(frozen=True, slots=True)
class _Turn:
    """One alert's turn: its rule (None: a draft of the plan that lost it), and where it happened."""

    work: UnitOfWork
    alert: Alert
    slot: Slot
    participant: Participant
    rule: AlertRule | None
    rules: GrantRules

    @classmethod
    def load(cls, context: ClockContext, work: UnitOfWork, alert: Alert) -> "_Turn":
        slot = work.session.get_one(Slot, alert.slot_id)
        study = work.session.get_one(Study, alert.study_id)
        plan = context.installation.library.get_plan(study.code, slot.plan_version)
        participant = work.session.get_one(Participant, alert.participant_id)
        rule = plan.find_alert_rule(alert.rule)
        return cls(work, alert, slot, participant, rule, context.grant_rules)

    def notify_staff(self) -> int:
        """Tell whoever is to be told, and escalate where the time is over; returns how many messages."""
        alert, rule, at, queued = self.alert, self.rule, self.work.at, 0
        if rule is None:
            alert.wake_at = None
            return 0
        escalation = escalates_at(rule, alert.raised_at)
        alert.wake_at = escalation
        if alert.staff_alerted_at is None:
            alert.staff_alerted_at = at
            queued += self._queue(rule.tell, AuditEvent.STAFF_ALERTED, escalation=False)
        if escalation <= at:
            alert.escalated_at, alert.wake_at = at, None
            queued += self._queue(rule.escalate_to, AuditEvent.ALERT_ESCALATED, escalation=True)
        return queued

    def _queue(self, roles: Sequence[Role], event: AuditEvent, *, escalation: bool) -> int:
        participant, at = self.participant, self.work.at
        staff = list_site_staff(
            self.work.session, participant.study_id, participant.site_id, roles, self.rules
        )
        self.work.session.add_all([self._message(recipient, at, escalation) for recipient in staff])
        about = name_alert(record_name(self.slot), self.alert.rule)
        self.work.record(event, participant_chain(self.alert.participant_id), changes=[about])
        self.work.session.flush()
        return len(staff)

    def _message(self, staff_id: int, at: datetime, escalation: bool) -> AlertMessage:
        return AlertMessage(
            alert_id=self.alert.id,
            participant_id=self.alert.participant_id,
            staff_id=staff_id,
            escalation=escalation,
            state=MessageState.queued.value,
            key=new_public_id(),
            lease_until=at,
            queued_at=at,
        )
