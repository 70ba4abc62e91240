"""Messages to staff about alerts: that one waits, where and until when, and nothing of what it says."""

from app.domain.alerts.handling import deadline_of
from app.domain.records.audit import AuditEvent
from app.domain.records.messages import MessageState
from app.notify.channel import MessageText
from app.services.core.context import ClockContext
from app.services.reminders.reminder_delivery import MessageQueue, MessageSender, ReadyMessage
from app.services.reminders.reminder_texts import AlertContent
from app.storage.queries.participants import get_site
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
    context: ClockContext, outbox: MessageSender, work: UnitOfWork, message: AlertMessage
) -> ReadyMessage | str:
    """The letter to a member of staff, or why it is owed no more: somebody looks after the alert."""
    alert = work.session.get_one(Alert, message.alert_id)
    staff = work.session.get_one(Staff, message.staff_id)
    channel = outbox.channels.get(CHANNEL)
    if alert.acknowledged_at is not None:
        return "acknowledged"
    if staff.disabled_at is not None:
        return "account_disabled"
    if channel is None:
        return "no_channel"
    subject, text = outbox.words.alert(_content(context, work, alert, message), staff.language)
    letter = MessageText(message.key, staff.email, subject, text, staff.language, context.at)
    return ReadyMessage(channel, letter)


def _content(context: ClockContext, work: UnitOfWork, alert: Alert, message: AlertMessage) -> AlertContent:
    slot = work.session.get_one(Slot, alert.slot_id)
    who = work.session.get_one(Participant, alert.participant_id)
    study = work.session.get_one(Study, alert.study_id).code
    rule = context.installation.library.plan(study, slot.plan_version).find_alert_rule(alert.rule)
    due_at = deadline_of(rule, alert.raised_at) if rule else alert.raised_at
    path = PATH.format(participant=who.public_id, alert=alert.public_id)
    return AlertContent(
        study=study,
        site=get_site(work.session, who).code,
        escalation=message.escalation,
        due_at=due_at,
        zone=who.zone,
        link=f"{context.installation.public_url}{path}",
    )


ALERT_NOTICES = MessageQueue(
    AlertMessage,
    _judge_notice,
    dict.fromkeys(MessageState, AuditEvent.ALERT_MESSAGE_SETTLED),
)
"""Messages to staff about alerts."""
