"""Alerts as staff see them: which rule, of whom, how long ago, what was done, and who was told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from app.domain.alerts.handling import AlertState, deadline_of, derive_alert_state, escalates_at
from app.domain.desk.arm_blinding import sees_arm
from app.domain.desk.list_cursor import ListCursor
from app.domain.plans.plan import Plan
from app.domain.plans.status import ExitKind
from app.domain.records.access import Permission
from app.domain.records.messages import MessageState
from app.domain.refusal import Refused
from app.services.clinic.staff_sites import StaffSite, list_study_sites
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan
from app.storage.queries.participants import StoredParticipant
from app.storage.queries.staff import find_staff_names
from app.storage.queries.today.alerts import (
    AlertMessageRow,
    AlertRows,
    find_alert,
    list_alert_actions,
    list_alert_messages,
    list_own_alerts,
    list_study_alerts,
)
from app.storage.tables.capture import AlertAction
from app.storage.tables.studies import Study

_UNDER_WAY = (MessageState.queued.value, MessageState.sending.value, MessageState.sent.value)
LISTED = 100
"""Alerts shown at a time: the most urgent open ones, the newest closed ones."""


@dataclass(frozen=True, slots=True)
class RecordedAction:
    """Something that was done about an alert, by whom."""

    kind: str
    note: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class AlertNotice:
    """Who was to be told, of the alert or of its escalation, and what became of the message."""

    name: str
    escalation: bool
    state: str
    failure: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """All that staff see of an alert; never the answer, but what the plan says of such answers.

    `slot`, `visit` and `for_day` are empty where the very form would tell this reader the arm. `corrected`:
    the answers have a newer version than the one that raised it. `overdue`: nobody acknowledged it in time.
    """

    alert: str
    participant: str
    subject: str
    site: str
    zone: str
    exit_kind: ExitKind | None
    slot: str
    visit: str
    for_day: date | None
    instrument: tuple[str, str]
    rule: str
    plan: Plan
    raised_at: datetime
    due_at: datetime | None
    escalates_at: datetime | None
    state: AlertState
    overdue: bool
    corrected: bool
    staff_alerted_at: datetime | None
    escalated_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    actions: tuple[RecordedAction, ...]
    closed_at: datetime | None
    closed_by: str
    closing_note: str
    notices: tuple[AlertNotice, ...]
    may_handle: bool

    def get_label(self, language: str) -> str:
        """What the plan calls such an answer, in this language."""
        return self.plan.alert_label(self.rule, language)

    @property
    def untold(self) -> bool:
        """Whether nobody who was to be told has a message on its way or in hand (ALR-07).

        Just after it was raised the clock has not looked yet, which says nothing.
        """
        looked = self.staff_alerted_at is not None or self.overdue
        return looked and not any(notice.state in _UNDER_WAY for notice in self.notices)


@dataclass(frozen=True, slots=True)
class StudyAlerts:
    """The alerts of a study that a colleague sees, at most `LISTED`, and how its plan watches answers.

    `sites` are those by which they can be chosen; `next` is where the list goes on, None at its end.
    """

    alerts: tuple[AlertRecord, ...]
    plan: Plan
    sites: tuple[StaffSite, ...] = ()
    next: ListCursor | None = None


def list_alerts(
    context: StaffContext,
    study_id: int,
    *,
    closed: bool,
    every: bool = False,
    site: str = "",
    after: ListCursor | None = None,
) -> StudyAlerts:
    """A study's alerts at this colleague's sites, or one of them, from a cursor on; all with `every`."""
    with context.read() as session:
        reached = list_study_sites(session.connection(), context.actor, study_id, Permission.ALERT_SEE)
        keys = [reached_site.site_id for reached_site in reached if site in ("", reached_site.code)]
        limit = None if every else LISTED + 1
        rows = list_study_alerts(session, study_id, keys, closed=closed, limit=limit, after=after)
        plan = get_plan(context.installation, session, study_id)
        further = _cursor(rows[LISTED - 1], closed=closed) if limit and len(rows) == limit else None
        shown = rows[:LISTED] if limit else rows
        return StudyAlerts(_describe(context, session, shown), plan, reached, further)


def _cursor(rows: AlertRows, *, closed: bool) -> ListCursor:
    alert = rows.alert
    acknowledged = int(alert.acknowledged_at is not None)
    return ListCursor(
        (closed and alert.closed_at) or alert.raised_at, alert.id, 0 if closed else acknowledged
    )


def get_alert(context: StaffContext, participant_id: int, alert: str) -> AlertRecord:
    """One alert about a participant. Raises Refused("unknown_alert")."""
    with context.read() as session:
        rows = find_alert(session, participant_id, alert)
        if rows is None:
            raise Refused("unknown_alert")
        return _describe(context, session, [rows])[0]


def read_own_alerts(
    context: StaffContext, session: Session, participant: StoredParticipant, study: str
) -> tuple[AlertRecord, ...]:
    """Every alert about one participant, open ones first, in one query: without who did what and was told.

    Nothing for a reader who may not see alerts.
    """
    if not context.actor.may(Permission.ALERT_SEE, participant.study_id, participant.site_id):
        return ()
    reader = _Reader(context, study, {})
    return tuple(reader.describe_alert(rows, (), ()) for rows in list_own_alerts(session, participant.id))


def _describe(
    context: StaffContext, session: Session, listed: Sequence[AlertRows]
) -> tuple[AlertRecord, ...]:
    if not listed:
        return ()
    keys = [rows.alert.id for rows in listed]
    actions, messages = list_alert_actions(session, keys), list_alert_messages(session, keys)
    actors = {
        actor for rows in listed for actor in (rows.alert.acknowledged_by, rows.alert.closed_by) if actor
    }
    actors |= {action.recorded_by for of_alert in actions.values() for action in of_alert}
    names = find_staff_names(session, actors)
    study = session.get_one(Study, listed[0].alert.study_id).code
    reader = _Reader(context, study, names)
    return tuple(
        reader.describe_alert(rows, actions.get(key, []), messages.get(key, []))
        for key, rows in zip(keys, listed, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who looks, in which study, and the names of those who acted."""

    context: StaffContext
    study: str
    names: Mapping[str, str]

    def describe_alert(
        self, rows: AlertRows, actions: Sequence[AlertAction], messages: Sequence[AlertMessageRow]
    ) -> AlertRecord:
        alert, participant, site, slot, newest, acted = rows
        plan = self.context.installation.library.get_plan(self.study, slot.plan_version)
        rule = plan.find_alert_rule(alert.rule)
        may, at_site = self.context.actor.may, (participant.study_id, participant.site_id)
        hidden = slot.arm_revealing and not sees_arm(self.context.actor, plan, *at_site)
        state = derive_alert_state(alert.acknowledged_at, acted, alert.closed_at)
        due_at = deadline_of(rule, alert.raised_at) if rule else None
        return AlertRecord(
            alert=alert.public_id,
            participant=participant.public_id,
            subject=participant.subject,
            site=site.name,
            zone=participant.zone,
            exit_kind=participant.exit_kind,
            slot="" if hidden else slot.public_id,
            visit="" if hidden else slot.visit,
            for_day=None if hidden else slot.for_day,
            instrument=(slot.instrument, slot.instrument_version),
            rule=alert.rule,
            plan=plan,
            raised_at=alert.raised_at,
            due_at=due_at,
            escalates_at=escalates_at(rule, alert.raised_at) if rule else None,
            state=state,
            overdue=state is AlertState.waiting and due_at is not None and due_at <= self.context.at,
            corrected=newest > alert.response_version,
            staff_alerted_at=alert.staff_alerted_at,
            escalated_at=alert.escalated_at,
            acknowledged_at=alert.acknowledged_at,
            acknowledged_by=self._name(alert.acknowledged_by),
            actions=tuple(self._action(action) for action in actions),
            closed_at=alert.closed_at,
            closed_by=self._name(alert.closed_by),
            closing_note=alert.closing_note or "",
            notices=tuple(_notice(message) for message in messages),
            may_handle=may(Permission.ALERT_HANDLE, *at_site),
        )

    def _action(self, row: AlertAction) -> RecordedAction:
        return RecordedAction(row.kind.value, row.note or "", row.recorded_at, self._name(row.recorded_by))

    def _name(self, actor: str | None) -> str:
        return self.names.get(actor, actor) if actor else ""


def _notice(row: AlertMessageRow) -> AlertNotice:
    message = row.message
    return AlertNotice(
        name=row.name,
        escalation=message.escalation,
        state=message.state,
        failure=message.failure or "",
        at=message.settled_at or message.queued_at,
    )
