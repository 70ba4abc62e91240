"""The next moment at which a form owes an event or a reminder, kept in `slot.wake_at`."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from app.definitions.library import Library
from app.domain.plans.plan import Plan
from app.domain.plans.publication import FeedState
from app.domain.plans.reminders import (
    QueuedReminder,
    Reminder,
    ReminderPreference,
    kinds_used_up,
    next_due_moment,
    plan_reminders,
)
from app.domain.plans.windows import Window
from app.domain.records.messages import WINDOW_MOVED
from app.services.schedule.reminder_preference import reminder_preference
from app.storage.database.plain_reads import PlainRead
from app.storage.plain_rows import SlotRecord
from app.storage.queries.key_lists import is_among
from app.storage.queries.slots import StoredSlot, list_slot_records, planned_slot, slot_facts, window_of_slot
from app.storage.row_changes import participant_chain
from app.storage.tables.messages import Message
from app.storage.tables.participants import Participant
from app.storage.tables.studies import Study
from app.storage.unit_of_work import UnitOfWork


def next_due_at(
    plan: Plan, slot: StoredSlot, used_up: Collection[str], at: datetime, preference: ReminderPreference
) -> datetime | None:
    """The next moment at which the slot owes an event or a reminder; None when it owes no more.

    `used_up` holds the kinds of reminder that are used up; none is owed against the participant's wish.
    """
    planned = planned_slot(slot)
    reminders = plan_reminders(plan, planned, preference.clock)
    return next_due_of(slot, planned.window, reminders, used_up, at, preference)


def next_due_of(
    slot: StoredSlot,
    window: Window | None,
    planned: Collection[Reminder],
    used_up: Collection[str],
    at: datetime,
    preference: ReminderPreference,
) -> datetime | None:
    """The next due moment of a slot whose window and planned reminders are at hand."""
    published = FeedState(slot.published_state) if slot.published_state is not None else None
    return next_due_moment(window, planned, slot_facts(slot), published, used_up, at, preference.not_before)


_MESSAGES = PlainRead(
    sa.select(col(Message.slot_id), col(Message.kind), col(Message.queued_at)).where(
        is_among(col(Message.slot_id), "slots"), col(Message.failure).is_distinct_from(WINDOW_MOVED)
    )
)


def used_up_kinds(session: Session, slots: Sequence[StoredSlot]) -> dict[int, frozenset[str]]:
    """The kinds of reminder of which each slot gets no message any more, by the slot's key.

    A message that was dropped because its window moved was none.
    """
    messages: dict[int, list[QueuedReminder]] = {}
    for slot_id, *queued in _MESSAGES.fetch(session.connection(), {"slots": [slot.id for slot in slots]}):
        messages.setdefault(slot_id, []).append(QueuedReminder(*queued))
    return {slot.id: kinds_used_up(messages.get(slot.id, ()), window_of_slot(slot)) for slot in slots}


def next_due_moments(
    library: Library, session: Session, participant: Participant, slots: Sequence[StoredSlot], at: datetime
) -> dict[int, datetime | None]:
    """When each of these slots of a participant owes something next, by its key."""
    study = session.get_one(Study, participant.study_id).code
    preference, used_up = reminder_preference(participant), used_up_kinds(session, slots)
    return {
        key: next_due_at(library.get_plan(study, slot.plan_version), slot, used_up[key], at, preference)
        for key, slot in ((slot.id, slot) for slot in slots)
    }


def refresh_next_due(library: Library, work: UnitOfWork, participant: Participant) -> None:
    """Recompute the next due moment of every open slot, after something changed what reminders are owed."""
    slots = list_unsubmitted_slots(work.session, participant)
    due = next_due_moments(library, work.session, participant, slots, work.at)
    work.update_slots(participant.id, [(slot, slot._replace(wake_at=due[slot.id])) for slot in slots])


def list_unsubmitted_slots(session: Session, participant: Participant) -> Sequence[SlotRecord]:
    """The forms of a participant that no response was submitted to."""
    return [slot for slot in list_slot_records(session, participant.id) if slot.submitted_at is None]


def lock_participant(work: UnitOfWork, participant_id: int) -> Participant:
    """Lock a participant, so that nobody else changes meanwhile what they are owed."""
    work.lock(participant_chain(participant_id))
    return work.session.get_one(Participant, participant_id)
