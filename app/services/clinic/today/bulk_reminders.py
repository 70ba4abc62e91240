"""Reminders that staff ask for from the work list, for several participants at once."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlmodel import col

from app.domain.plans.reminders import StaffReminderRefusal
from app.domain.records.access import Permission
from app.domain.records.acts import ActRepeated
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.reminders.staff_reminder import queue_staff_reminder
from app.storage.queries.participants import select_readable
from app.storage.tables.participants import Participant

MOST = 100
"""Participants of one act: more than a page shows."""


@dataclass(frozen=True, slots=True)
class UnsentReminder:
    """Whom no reminder goes to, and why not."""

    subject: str
    refused: Refused


@dataclass(frozen=True, slots=True)
class BulkReminders:
    """How many reminders were queued, and which were not."""

    queued: int
    unsent: tuple[UnsentReminder, ...]


def remind_participants(context: StaffContext, chosen: Mapping[str, str]) -> BulkReminders:
    """Queue a reminder for each of these participants (public id) of the form (public id) named with them.

    Each is an act and a transaction of its own, so that one that is refused holds up no other; pressed twice,
    the same reminders are queued once and told of again.
    Raises Refused: "nobody_chosen", "too_many_chosen", and "unknown_participant" where the permission does
    not reach one of them.
    """
    if not chosen:
        raise Refused("nobody_chosen")
    if len(chosen) > MOST:
        raise Refused("too_many_chosen", most=MOST)
    with context.read() as session:
        statement = select_readable(context.actor, Permission.REMINDER_SEND)
        named = statement.where(col(Participant.public_id).in_(chosen)).order_by(col(Participant.subject))
        people = [(row.id, row.public_id, row.subject) for row in session.exec(named)]
    if len(people) < len(chosen):
        raise Refused("unknown_participant")
    unsent = []
    for key, public_id, subject in people:
        form = chosen[public_id]
        body = context.installation.secret_box.keyed_fingerprint(f"{public_id} {form}", "act")
        act = context.act.derive_part(public_id, body) if context.act else None
        try:
            if not form:  # a row without a form of which a reminder can be sent
                raise Refused(StaffReminderRefusal.FORM_NOT_OPEN.value)
            with suppress(ActRepeated):
                queue_staff_reminder(replace(context, act=act), key, form)
        except Refused as refused:
            unsent.append(UnsentReminder(subject, refused))
    return BulkReminders(len(people) - len(unsent), tuple(unsent))
