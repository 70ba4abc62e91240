"""Delivery reminders: at most once, whatever dies in between.

A message is queued by the ticker, claimed by a lease, and judged once more under its participant's
chain. Only then does it become `sending`, in a transaction of its own, before the channel is asked.
So a worker killed before that leaves a message whose lease runs out and that another claims; one
killed after it leaves a message of which nobody knows whether it left: it becomes `unconfirmed`,
is shown, and is never sent again. Leases and `sending` are the workers' own bookkeeping and no
record of the trial; every outcome is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import col, select

from app.domain.access import CLOCK
from app.domain.audit import Event
from app.domain.reminders import STALE_AFTER
from app.domain.status import ANSWERABLE
from app.notify.channel import Channel, Letter, NotSent, Unconfirmed
from app.services.installation import Installation
from app.services.packs import may_begin
from app.services.participants import site_of
from app.services.patient_home import minutes
from app.services.reminder_words import Note, Words
from app.services.wishes import wants_reminders, wish_of
from app.storage.changes import chain_of_participant
from app.storage.columns import table_of
from app.storage.exchange import MESSAGE_WAITING, Message
from app.storage.people import Contact, Participant
from app.storage.schedule import Slot
from app.storage.slots import status_of
from app.storage.study import Study
from app.storage.unit_of_work import UnitOfWork

BATCH = 500
LEASE = timedelta(minutes=10)
"""How long a claimed message is one worker's; then another may claim it."""
PATIENCE = timedelta(minutes=5)
"""How long a message may be `sending`; longer than a channel ever takes."""
TRIES = 3
BACK_OFF = (timedelta(minutes=5), timedelta(minutes=30))
"""How long after the first and the second failure it is tried again."""


class Delivery(StrEnum):
    """The life of a message."""

    queued = "queued"
    sending = "sending"
    sent = "sent"
    dropped = "dropped"
    failed = "failed"
    unconfirmed = "unconfirmed"


_EVENTS: Mapping[Delivery, Event] = {
    Delivery.sent: Event.REMINDER_SENT,
    Delivery.dropped: Event.REMINDER_DROPPED,
    Delivery.failed: Event.REMINDER_FAILED,
    Delivery.unconfirmed: Event.REMINDER_UNCONFIRMED,
}
_TABLE = table_of(Message)


@dataclass(frozen=True, slots=True)
class Outbox:
    """How messages leave: a channel for each kind of address, and their words."""

    channels: Mapping[str, Channel]
    words: Words


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is this worker's for the length of a lease."""

    message_id: int
    participant_id: int


def claim(installation: Installation, at: datetime, limit: int = BATCH) -> list[Claimed]:
    """Take queued messages for this worker, in one statement; nobody else gets them before the lease ends."""
    free = (
        sa.select(_TABLE.c.id)
        .where(MESSAGE_WAITING, _TABLE.c.state == Delivery.queued.value, _TABLE.c.lease_until <= at)
        .order_by(_TABLE.c.lease_until, _TABLE.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = sa.update(_TABLE).where(_TABLE.c.id.in_(free)).values(lease_until=at + LEASE)
    with installation.work(CLOCK, at) as work:
        rows = work.apply(taken.returning(_TABLE.c.id, _TABLE.c.participant_id)).all()
    return sorted(
        (Claimed(row.id, row.participant_id) for row in rows), key=lambda claimed: claimed.message_id
    )


def hand_over(installation: Installation, outbox: Outbox, claimed: Claimed, at: datetime) -> Delivery | None:
    """Send one claimed message unless it is owed no more; returns what became of it, None if another had it.

    `at` is when handing over began. What certainly failed is tried again later, at most `TRIES` times.
    """
    prepared = _prepare(installation, outbox, claimed, at)
    if not isinstance(prepared, _Ready):
        return prepared
    try:
        prepared.channel.send(prepared.letter)
    except NotSent as failed:
        return _fail(installation, claimed, failed, at)
    except Unconfirmed:
        return _conclude(installation, claimed, Delivery.unconfirmed, "unconfirmed", at)
    return _conclude(installation, claimed, Delivery.sent, None, at)


def expire(installation: Installation, at: datetime) -> int:
    """Mark as unconfirmed what stays `sending` because its worker died; returns how many."""
    statement = sa.select(_TABLE.c.id, _TABLE.c.participant_id).where(
        MESSAGE_WAITING, _TABLE.c.state == Delivery.sending.value, _TABLE.c.lease_until <= at
    )
    with installation.read() as session:
        lost = [Claimed(row.id, row.participant_id) for row in session.execute(statement.limit(BATCH))]
    outcomes = [_conclude(installation, each, Delivery.unconfirmed, "worker_lost", at) for each in lost]
    return outcomes.count(Delivery.unconfirmed)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A letter that is owed and marked as being sent."""

    channel: Channel
    letter: Letter


def _prepare(
    installation: Installation, outbox: Outbox, claimed: Claimed, at: datetime
) -> _Ready | Delivery | None:
    with installation.work(CLOCK, at) as work:
        work.lock(chain_of_participant(claimed.participant_id))
        message = work.session.get_one(Message, claimed.message_id)
        if message.state != Delivery.queued.value:
            return None
        slot = work.session.get_one(Slot, message.slot_id)
        participant = work.session.get_one(Participant, message.participant_id)
        contact = work.session.get(Contact, message.participant_id)
        channel = outbox.channels.get(contact.channel) if contact else None
        reason = _no_longer_owed(message, slot, participant, at)
        reason = reason or _not_offered(installation, work, slot, participant, at)
        if contact is None or channel is None or slot.closes_on is None or reason is not None:
            _settle(
                work, message, Delivery.dropped, reason or ("no_contact" if contact is None else "no_channel")
            )
            return Delivery.dropped
        subject, text = outbox.words.reminder(
            _note(installation, work, slot, slot.closes_on, participant), participant.language
        )
        to = installation.sealer.unseal(contact.address_sealed)
        values = {
            "state": Delivery.sending.value,
            "lease_until": at + PATIENCE,
            "attempts": message.attempts + 1,
        }
        work.apply(sa.update(_TABLE).where(_TABLE.c.id == message.id).values(**values))
    return _Ready(channel, Letter(message.key, to, subject, text, participant.language, at))


def _no_longer_owed(message: Message, slot: Slot, participant: Participant, at: datetime) -> str | None:
    """Why a queued message must not be sent any more; None while it is owed."""
    if participant.exit_kind is not None:
        return "participation_ended"
    if not wants_reminders(participant):
        return "not_wanted"
    if wish_of(participant).not_before > at:
        return "paused"
    if slot.window_version != message.window_version:
        return "window_moved"
    state = status_of(slot, at)
    if state not in ANSWERABLE:
        return state.value
    return "stale" if at - message.queued_at >= STALE_AFTER else None


def _not_offered(
    installation: Installation, work: UnitOfWork, slot: Slot, participant: Participant, at: datetime
) -> str | None:
    """Nobody is reminded of a form that cannot be begun, because its words may not be shown."""
    study = work.session.get_one(Study, slot.study_id)
    return None if may_begin(installation, study.code, participant.language, slot, at) else "no_wording"


def _note(
    installation: Installation, work: UnitOfWork, slot: Slot, closes_on: date, participant: Participant
) -> Note:
    study = work.session.get_one(Study, slot.study_id)
    plan = installation.library.plan(study.code, slot.plan_version)
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    left_out = next(used.leave_out for used in plan.instruments if used.id == slot.instrument)
    site = site_of(work.session, participant)
    return Note(
        study=plan.neutral_name[participant.language],
        diary=slot.for_day is not None,
        minutes=minutes(sum(item.code not in left_out for item in instrument.items)),
        closes_on=closes_on,
        link=f"{installation.public_url}/",
        phone=site.phone,
        hours=site.hours,
    )


def _fail(installation: Installation, claimed: Claimed, failed: NotSent, at: datetime) -> Delivery | None:
    with installation.read() as session:
        attempts = session.exec(select(Message.attempts).where(Message.id == claimed.message_id)).one()
    if failed.lasting or attempts >= TRIES:
        return _conclude(installation, claimed, Delivery.failed, failed.code, at)
    again = {
        "state": Delivery.queued.value,
        "lease_until": at + BACK_OFF[attempts - 1],
        "failure": failed.code,
    }
    mine = sa.and_(_TABLE.c.id == claimed.message_id, _TABLE.c.state == Delivery.sending.value)
    with installation.work(CLOCK, at) as work:
        work.apply(sa.update(_TABLE).where(mine).values(**again))
    return Delivery.queued


def _conclude(
    installation: Installation, claimed: Claimed, outcome: Delivery, failure: str | None, at: datetime
) -> Delivery | None:
    with installation.work(CLOCK, at) as work:
        work.lock(chain_of_participant(claimed.participant_id))
        message = work.session.exec(select(Message).where(col(Message.id) == claimed.message_id)).one()
        # A worker that was only slow may still say what became of a message thought lost.
        if (
            message.state not in (Delivery.sending.value, Delivery.unconfirmed.value)
            or message.state == outcome.value
        ):
            return None
        _settle(work, message, outcome, failure)
    return outcome


def _settle(work: UnitOfWork, message: Message, outcome: Delivery, failure: str | None) -> None:
    message.state, message.failure, message.settled_at = outcome.value, failure, work.at
    work.record(_EVENTS[outcome], chain_of_participant(message.participant_id), reason=failure)
