"""Messages to staff about alerts: that one waits, where and until when, and nothing of what it says."""

from collections.abc import Collection

from app.domain.alerts.handling import deadline_of
from app.domain.alerts.rules import AlertRule
from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.domain.records.messages import MessageState
from app.notify.channel import MessageText
from app.services.core.context import ClockContext
from app.services.reminders.reminder_delivery import MessageQueue, MessageSender, ReadyMessage
from app.services.reminders.reminder_texts import AlertContent
from app.storage.queries.participants import get_site
from app.storage.queries.staff import list_site_staff
from app.storage.tables.capture import Alert
from app.storage.tables.messages import AlertMessage
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import Staff
from app.storage.tables.studies import Study
from app.storage.unit_of_work import UnitOfWork

CHANNEL = "email"
"""Staff are told by the address with which they sign in."""
PATH = "/desk/participants/{participant}/alerts/{alert}"
"""The page of an alert, as in `app.web.urls.ALERT`."""


def _judge_notice(
    context: ClockContext, sender: MessageSender, work: UnitOfWork, message: AlertMessage
) -> ReadyMessage | str:
    """The letter to a member of staff, or why it is owed no more: somebody looks after the alert, or they
    lost the role for which it was queued.
    """
    alert = work.session.get_one(Alert, message.alert_id)
    staff = work.session.get_one(Staff, message.staff_id)
    participant = work.session.get_one(Participant, alert.participant_id)
    rule = _find_rule(context, work, alert)
    channel = sender.channels.get(CHANNEL)
    if alert.acknowledged_at is not None:
        return "acknowledged"
    if staff.disabled_at is not None:
        return "account_disabled"
    roles = _notified_roles(rule, message)
    if staff.id not in list_site_staff(
        work.session, participant.study_id, participant.site_id, roles, context.grant_rules
    ):
        return "not_in_charge"
    if channel is None:
        return "no_channel"
    subject, text = sender.words.write_alert(_content(context, work, alert, message), staff.language)
    message_text = MessageText(message.key, staff.email, subject, text, staff.language, context.at)
    return ReadyMessage(channel, message_text)


def _find_rule(context: ClockContext, work: UnitOfWork, alert: Alert) -> AlertRule | None:
    """The rule of an alert; None: a draft of the plan that lost it."""
    slot = work.session.get_one(Slot, alert.slot_id)
    study = work.session.get_one(Study, alert.study_id).code
    return context.installation.library.get_plan(study, slot.plan_version).find_alert_rule(alert.rule)


def _notified_roles(rule: AlertRule | None, message: AlertMessage) -> Collection[Role]:
    """The roles for which a message was queued; of a rule that is lost it is not known any more."""
    roles = (tuple(Role), tuple(Role)) if rule is None else (rule.tell, rule.escalate_to)
    return roles[message.escalation]


def _content(context: ClockContext, work: UnitOfWork, alert: Alert, message: AlertMessage) -> AlertContent:
    participant = work.session.get_one(Participant, alert.participant_id)
    study = work.session.get_one(Study, alert.study_id).code
    rule = _find_rule(context, work, alert)
    due_at = deadline_of(rule, alert.raised_at) if rule else alert.raised_at
    path = PATH.format(participant=participant.public_id, alert=alert.public_id)
    return AlertContent(
        study=study,
        site=get_site(work.session, participant).code,
        escalation=message.escalation,
        due_at=due_at,
        zone=participant.zone,
        link=f"{context.installation.public_url}{path}",
    )


ALERT_NOTICES = MessageQueue(
    AlertMessage,
    _judge_notice,
    dict.fromkeys(MessageState, AuditEvent.ALERT_MESSAGE_SETTLED),
)
"""Messages to staff about alerts."""
