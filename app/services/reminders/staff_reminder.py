"""A reminder that a member of staff has sent, beside those of the plan's rules."""

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.plans.reminders import StaffReminderRefusal, check_staff_reminder, staff_reminder_kind
from app.domain.records.audit import AuditEvent
from app.domain.records.messages import WINDOW_MOVED
from app.domain.refusal import Refused
from app.services.accounts.contacts import ContactChannel, find_contact
from app.services.core.context import StaffContext
from app.services.reminders.due_slots import build_message
from app.services.reminders.form_reminders import count_form_reminders
from app.services.schedule.reminder_preference import reminder_preference
from app.services.schedule.slots import lock_form
from app.services.setup.packs import check_form_wording
from app.storage.queries.slots import StoredSlot, slot_status
from app.storage.row_changes import participant_chain
from app.storage.tables.messages import Message
from app.storage.tables.participants import Contact, Participant
from app.storage.tables.studies import Study


def queue_staff_reminder(context: StaffContext, participant_id: int, slot_id: str) -> None:
    """Queue one reminder of a form that is open, because this member of staff asks for it.

    Whether it is still right is judged once more in the transaction that claims it. Raises Refused:
    "unknown_slot" (also for one that this actor may not see), each `StaffReminderRefusal`, and what
    `check_form_wording` raises for a form that cannot be begun.
    """
    with context.unit_of_work() as work:
        form = lock_form(context, work, participant_id, slot_id)
        contact = _check(context, work.session, form.participant, form.slot)
        kind = staff_reminder_kind(context.at, form.participant.zone)
        work.session.add(build_message(form.slot, kind, contact.channel, context.at))
        work.record(AuditEvent.STAFF_REMINDER_QUEUED, participant_chain(participant_id))


def find_staff_reminder_refusal(
    context: StaffContext, participant_id: int, slot: StoredSlot
) -> Refused | None:
    """Why no reminder of this form may be sent now; None if one may."""
    with context.read() as session:
        try:
            _check(context, session, session.get_one(Participant, participant_id), slot)
        except Refused as refused:
            return refused
    return None


def _check(context: StaffContext, session: Session, participant: Participant, slot: StoredSlot) -> Contact:
    """The address to which a reminder of this form may go now; raises Refused."""
    contact = find_contact(session, participant.id)
    if contact is None or contact.channel not in tuple(ContactChannel):
        raise Refused(StaffReminderRefusal.REMINDERS_NOT_WANTED.value)
    refusal = check_staff_reminder(
        slot_status(slot, context.at),
        reminder_preference(participant),
        count_form_reminders(context.installation, session, slot),
        context.at,
        participant.zone,
        reminded_today=_was_reminded_today(context, session, participant),
    )
    if refusal is not None:
        raise Refused(refusal.value)
    study = session.get_one(Study, slot.study_id)
    check_form_wording(context.installation, study.code, participant.language, slot, context.at)
    return contact


def _was_reminded_today(context: StaffContext, session: Session, participant: Participant) -> bool:
    """Whether staff had one queued today; one that was dropped because its window moved was none."""
    today = sa.exists().where(
        col(Message.participant_id) == participant.id,
        col(Message.kind) == staff_reminder_kind(context.at, participant.zone),
        col(Message.failure).is_distinct_from(WINDOW_MOVED),
    )
    return bool(session.execute(sa.select(today)).scalar())
