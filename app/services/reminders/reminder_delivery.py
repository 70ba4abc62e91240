"""Delivering messages at most once: a claim is a lease, and a crash in between never sends twice.

Reminders to participants and messages to staff about alerts stand in two queues that are worked alike.
A message is queued by the ticker, claimed by a lease, and judged once more under its participant's
chain. Only then does it become `sending`, in a transaction of its own, before the channel is asked.
So a worker killed before that leaves a message whose lease runs out and that another claims; one
killed after it leaves a message of which nobody knows whether it left: it becomes `unconfirmed`,
is shown, and is never sent again. Leases and `sending` are the workers' own bookkeeping and no
record of the trial; every outcome is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.instruments.duration import count_questions, estimate_minutes
from app.domain.plans.reminders import (
    STALE_AFTER,
    StaffReminderRefusal,
    is_staff_reminder,
    is_too_late,
)
from app.domain.plans.status import ANSWERABLE
from app.domain.plans.windows import local_day, start_of_day
from app.domain.records.audit import AuditEvent
from app.domain.records.messages import WINDOW_MOVED, MessageState
from app.notify.breaker import CircuitBreaker
from app.notify.channel import MessageChannel, MessageText, SendFailed, Unconfirmed
from app.services.accounts.contacts import find_contact
from app.services.core.context import ClockContext
from app.services.core.installation import Installation
from app.services.reminders.form_reminders import DEPARTED, count_form_reminders
from app.services.reminders.reminder_texts import ReminderContent, ReminderTexts
from app.services.schedule.reminder_preference import reminder_preference, wants_reminders
from app.services.setup.packs import has_form_wording
from app.storage.queries.participants import get_site
from app.storage.queries.slots import slot_status
from app.storage.row_changes import participant_chain
from app.storage.tables.columns import table_of
from app.storage.tables.messages import MESSAGE_WAITING, AlertMessage, Message
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study
from app.storage.unit_of_work import UnitOfWork

BATCH = 500
LEASE = timedelta(minutes=10)
"""How long a claimed message is one worker's; then another may claim it."""
PATIENCE = timedelta(minutes=5)
"""How long a message may be `sending`; longer than a channel ever takes."""
TRIES = 3
BACK_OFF = (timedelta(minutes=5), timedelta(minutes=30))
"""How long after the first and the second failure it is tried again."""


@dataclass(frozen=True, slots=True)
class MessageSender:
    """Sends messages: by a channel for each kind of address, with their words."""

    channels: Mapping[str, MessageChannel]
    words: ReminderTexts

    def is_paused(self, at: datetime) -> bool:
        """Whether messages should stay queued, because a server that takes them is out of order."""
        return any(
            isinstance(channel, CircuitBreaker) and channel.is_open(at) for channel in self.channels.values()
        )


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that is this worker's for the length of a lease."""

    message_id: int
    participant_id: int


@dataclass(frozen=True, slots=True)
class ReadyMessage:
    """A letter that is owed, and the channel by which it leaves."""

    channel: MessageChannel
    message: MessageText


QueuedRow = TypeVar("QueuedRow", Message, AlertMessage)


@dataclass(frozen=True, slots=True)
class MessageQueue(Generic[QueuedRow]):
    """One kind of message: its rows, how one is judged, and what is recorded of what became of it.

    `judge` judges a queued one under its participant's chain: the letter, or the code of why it is dropped.
    """

    kind: type[QueuedRow]
    judge: Callable[[ClockContext, MessageSender, UnitOfWork, QueuedRow], ReadyMessage | str]
    events: Mapping[MessageState, AuditEvent]

    @property
    def table(self) -> sa.Table:
        """The table of its rows, whose index of waiting ones is that of `MESSAGE_WAITING`."""
        return table_of(self.kind)

    def get_row(self, session: Session, key: int) -> QueuedRow:
        """The message of this key."""
        return session.get_one(self.kind, key)

    def judge_row(
        self, context: ClockContext, sender: MessageSender, work: UnitOfWork, key: int
    ) -> ReadyMessage | str:
        """What `judge` says of the message of this key."""
        return self.judge(context, sender, work, self.get_row(work.session, key))


AnyQueue = MessageQueue[Message] | MessageQueue[AlertMessage]
"""Whichever queue a message is delivered from."""


def _judge_reminder(
    context: ClockContext, sender: MessageSender, work: UnitOfWork, message: Message
) -> ReadyMessage | str:
    """A reminder in its participant's language, or why it is owed no more."""
    slot = work.session.get_one(Slot, message.slot_id)
    participant = work.session.get_one(Participant, message.participant_id)
    contact = find_contact(work.session, message.participant_id)
    channel = sender.channels.get(contact.channel) if contact else None
    reason = _no_longer_owed(message, slot, participant, context.at)
    reason = reason or _not_offered(context, work, slot, participant)
    reason = reason or _second_of_a_day(work, message, participant)
    reason = reason or _beyond_limit(context, work, slot)
    if contact is None or channel is None or slot.closes_on is None or reason is not None:
        return reason or ("no_contact" if contact is None else "no_channel")
    subject, text = sender.words.write_reminder(
        _note(context.installation, work, slot, slot.closes_on, participant), participant.language
    )
    to = context.installation.secret_box.decrypt(contact.address_sealed)
    return ReadyMessage(
        channel, MessageText(message.key, to, subject, text, participant.language, context.at)
    )


def _no_longer_owed(message: Message, slot: Slot, participant: Participant, at: datetime) -> str | None:
    """Why a queued message must not be sent any more; None while it is owed."""
    if participant.exit_kind is not None:
        return "participation_ended"
    if not wants_reminders(participant):
        return "not_wanted"
    if reminder_preference(participant).not_before > at:
        return "paused"
    if is_too_late(message.kind, at, participant.zone):
        return StaffReminderRefusal.OUTSIDE_HOURS.value
    if slot.window_version != message.window_version:
        return WINDOW_MOVED
    state = slot_status(slot, at)
    if state not in ANSWERABLE:
        return state.value
    return "stale" if at - message.queued_at >= STALE_AFTER else None


def _not_offered(context: ClockContext, work: UnitOfWork, slot: Slot, participant: Participant) -> str | None:
    """Nobody is reminded of a form that cannot be begun, because its words may not be shown."""
    study = work.session.get_one(Study, slot.study_id)
    return (
        None
        if has_form_wording(context.installation, study.code, participant.language, slot, context.at)
        else "no_wording"
    )


def _second_of_a_day(work: UnitOfWork, message: Message, participant: Participant) -> str | None:
    """Nobody gets two messages by rule on one day; the one that comes first leads to all open forms.

    A message counts on the day on which it left. Of those that staff have sent there is one a day anyway.
    """
    if is_staff_reminder(message.kind):
        return None
    today = start_of_day(local_day(work.at, participant.zone), participant.zone)
    other = sa.exists().where(
        col(Message.participant_id) == participant.id,
        col(Message.id) != message.id,
        sa.func.coalesce(col(Message.settled_at), col(Message.queued_at)) >= today,
        col(Message.state).in_([state.value for state in DEPARTED]),
    )
    return "one_a_day" if work.session.execute(sa.select(other)).scalar() else None


def _beyond_limit(context: ClockContext, work: UnitOfWork, slot: Slot) -> str | None:
    """No form gets more than twice the messages of its plan, by rule and by staff together."""
    reminders = count_form_reminders(context.installation, work.session, slot, DEPARTED)
    return StaffReminderRefusal.REMINDER_LIMIT.value if reminders.used_up else None


def _note(
    installation: Installation, work: UnitOfWork, slot: Slot, closes_on: date, participant: Participant
) -> ReminderContent:
    study = work.session.get_one(Study, slot.study_id)
    plan = installation.library.get_plan(study.code, slot.plan_version)
    instrument = installation.library.get_instrument(slot.instrument, slot.instrument_version)
    excluded = next(used.leave_out for used in plan.instruments if used.id == slot.instrument)
    site = get_site(work.session, participant)
    return ReminderContent(
        study=plan.neutral_name[participant.language],
        diary=slot.for_day is not None,
        minutes=estimate_minutes(count_questions(instrument, excluded)),
        closes_on=closes_on,
        link=f"{installation.public_url}/",
        phone=site.phone,
        hours=site.hours,
    )


REMINDERS = MessageQueue(
    Message,
    _judge_reminder,
    {
        MessageState.sent: AuditEvent.REMINDER_SENT,
        MessageState.dropped: AuditEvent.REMINDER_DROPPED,
        MessageState.failed: AuditEvent.REMINDER_FAILED,
        MessageState.unconfirmed: AuditEvent.REMINDER_UNCONFIRMED,
    },
)
"""Reminders to participants."""


def claim_messages(
    context: ClockContext, limit: int = BATCH, queue: AnyQueue = REMINDERS
) -> list[ClaimedMessage]:
    """Claim queued messages for this worker by a lease, in one statement; until it ends nobody else can."""
    table = queue.table
    free = (
        sa.select(table.c.id)
        .where(MESSAGE_WAITING, table.c.state == MessageState.queued.value, table.c.lease_until <= context.at)
        .order_by(table.c.lease_until, table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    with context.unit_of_work() as work:
        rows = work.update_bookkeeping(
            table,
            table.c.id.in_(free),
            {"lease_until": context.at + LEASE},
            table.c.id,
            table.c.participant_id,
        ).all()
    return sorted(
        (ClaimedMessage(row.id, row.participant_id) for row in rows), key=lambda claimed: claimed.message_id
    )


def release_messages(
    context: ClockContext, claimed: Sequence[ClaimedMessage], queue: AnyQueue = REMINDERS
) -> None:
    """Give claimed messages back that nobody began to send, so that they need not wait for their lease."""
    table = queue.table
    ids = [claim.message_id for claim in claimed]
    untouched = sa.and_(table.c.id.in_(ids), table.c.state == MessageState.queued.value)
    with context.unit_of_work() as work:
        work.update_bookkeeping(table, untouched, {"lease_until": context.at})


def deliver_message(
    context: ClockContext,
    sender: MessageSender,
    claimed: ClaimedMessage,
    queue: AnyQueue = REMINDERS,
) -> MessageState | None:
    """Send one claimed message unless it is owed no more; returns what became of it, None if another had it.

    `at` is when handing over began. What certainly failed is tried again later, at most `TRIES` times.
    """
    prepared = _prepare(context, sender, claimed, queue)
    if not isinstance(prepared, ReadyMessage):
        return prepared
    try:
        prepared.channel.send(prepared.message)
    except SendFailed as failed:
        return _fail(context, claimed, failed, queue)
    except Unconfirmed:
        return _conclude(context, claimed, MessageState.unconfirmed, "unconfirmed", queue)
    return _conclude(context, claimed, MessageState.sent, None, queue)


def expire_messages(context: ClockContext, queue: AnyQueue = REMINDERS) -> int:
    """Mark as unconfirmed what stays `sending` because its worker died; returns how many."""
    table = queue.table
    statement = sa.select(table.c.id, table.c.participant_id).where(
        MESSAGE_WAITING, table.c.state == MessageState.sending.value, table.c.lease_until <= context.at
    )
    with context.read() as session:
        lost = [ClaimedMessage(row.id, row.participant_id) for row in session.execute(statement.limit(BATCH))]
    outcomes = [_conclude(context, claim, MessageState.unconfirmed, "worker_lost", queue) for claim in lost]
    return outcomes.count(MessageState.unconfirmed)


def _prepare(
    context: ClockContext, sender: MessageSender, claimed: ClaimedMessage, queue: AnyQueue
) -> ReadyMessage | MessageState | None:
    """Judge the message once more, and mark it as being sent in this transaction."""
    with context.unit_of_work() as work:
        work.lock(participant_chain(claimed.participant_id))
        message = queue.get_row(work.session, claimed.message_id)
        if message.state != MessageState.queued.value:
            return None
        judged = queue.judge_row(context, sender, work, claimed.message_id)
        if isinstance(judged, str):
            _settle(work, queue, message, MessageState.dropped, judged)
            return MessageState.dropped
        values = {
            "state": MessageState.sending.value,
            "lease_until": context.at + PATIENCE,
            "attempts": message.attempts + 1,
        }
        work.update_bookkeeping(queue.table, queue.table.c.id == message.id, values)
    return judged


def _fail(
    context: ClockContext, claimed: ClaimedMessage, failed: SendFailed, queue: AnyQueue
) -> MessageState | None:
    table = queue.table
    with context.read() as session:
        tried = sa.select(table.c.attempts).where(table.c.id == claimed.message_id)
        attempts = session.execute(tried).scalar_one()
    if failed.lasting or attempts >= TRIES:
        return _conclude(context, claimed, MessageState.failed, failed.code, queue)
    again = {
        "state": MessageState.queued.value,
        "lease_until": context.at + BACK_OFF[attempts - 1],
        "failure": failed.code,
    }
    mine = sa.and_(table.c.id == claimed.message_id, table.c.state == MessageState.sending.value)
    with context.unit_of_work() as work:
        work.update_bookkeeping(table, mine, again)
    return MessageState.queued


def _conclude(
    context: ClockContext,
    claimed: ClaimedMessage,
    outcome: MessageState,
    failure: str | None,
    queue: AnyQueue,
) -> MessageState | None:
    with context.unit_of_work() as work:
        work.lock(participant_chain(claimed.participant_id))
        message = queue.get_row(work.session, claimed.message_id)
        # A worker that was only slow may still say what became of a message thought lost.
        if (
            message.state not in (MessageState.sending.value, MessageState.unconfirmed.value)
            or message.state == outcome.value
        ):
            return None
        _settle(work, queue, message, outcome, failure)
    return outcome


def _settle(
    work: UnitOfWork,
    queue: AnyQueue,
    message: Message | AlertMessage,
    outcome: MessageState,
    failure: str | None,
) -> None:
    message.state, message.failure, message.settled_at = outcome.value, failure, work.at
    work.record(queue.events[outcome], participant_chain(message.participant_id), reason=failure)
