"""A reminder that a member of staff asks for, beside those that the plan's rules send."""

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.plans.plan import Plan
from app.domain.plans.reminders import (
    RemindersSoFar,
    StaffReminderRefusal,
    check_staff_reminder,
    plan_reminders,
    staff_reminder_kind,
)
from app.domain.plans.windows import local_day
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan
from app.services.reminders.due_slots import build_message
from app.services.schedule.next_due import WINDOW_MOVED
from app.services.schedule.reminder_preference import reminder_preference
from app.storage.queries.participants import get_readable_slot
from app.storage.queries.slots import planned_slot, slot_status
from app.storage.row_changes import participant_chain
from app.storage.tables.columns import key_of
from app.storage.tables.messages import Message
from app.storage.tables.participants import Contact, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study


def queue_staff_reminder(context: StaffContext, participant_id: int, slot_id: str) -> None:
    """Queue one reminder of a form that is open, because this member of staff asks for it.

    Whether it is still right is judged once more in the transaction that claims it. Raises Refused:
    "unknown_slot" (also for one that this actor may not see), and each `StaffReminderRefusal`.
    """
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        participant = work.session.get_one(Participant, participant_id)
        plan = get_plan(context.installation, work.session, participant.study_id)
        slot = get_readable_slot(work.session, context.actor, plan, participant, slot_id)
        refusal = _find_refusal(context, work.session, participant, slot)
        if refusal is not None:
            raise Refused(refusal.value)
        contact = work.session.get_one(Contact, participant_id)
        kind = staff_reminder_kind(local_day(context.at, participant.zone))
        work.session.add(build_message(slot, kind, contact.channel, context.at))
        work.record(AuditEvent.REMINDER_ASKED_FOR, chain)


def find_staff_reminder_refusal(
    context: StaffContext, participant_id: int, slot: Slot
) -> StaffReminderRefusal | None:
    """Why no reminder of this form may be asked for now; None if one may."""
    with context.read() as session:
        return _find_refusal(context, session, session.get_one(Participant, participant_id), slot)


def _find_refusal(
    context: StaffContext, session: Session, participant: Participant, slot: Slot
) -> StaffReminderRefusal | None:
    if session.get(Contact, participant.id) is None:
        return StaffReminderRefusal.REMINDERS_NOT_WANTED
    study = session.get_one(Study, participant.study_id)
    plan = context.installation.library.plan(study.code, slot.plan_version)
    return check_staff_reminder(
        slot_status(slot, context.at),
        reminder_preference(participant),
        _count_reminders(context, session, plan, participant, slot),
        context.at,
        participant.zone,
    )


def _count_reminders(
    context: StaffContext, session: Session, plan: Plan, participant: Participant, slot: Slot
) -> RemindersSoFar:
    """What was queued so far; a message that was dropped because its window moved was none."""
    today = staff_reminder_kind(local_day(context.at, participant.zone))
    counted = sa.and_(
        col(Message.slot_id) == key_of(slot), col(Message.failure).is_distinct_from(WINDOW_MOVED)
    )
    by_staff = sa.and_(col(Message.kind) == today, col(Message.participant_id) == key_of(participant))
    row = session.execute(
        sa.select(
            sa.select(sa.func.count()).where(counted).scalar_subquery(),
            sa.exists().where(by_staff),
        )
    ).one()
    return RemindersSoFar(row[0], len(plan_reminders(plan, planned_slot(slot))), bool(row[1]))
