"""Reminders that staff ask for from the work list, for several participants at once."""

from collections.abc import Mapping

from app.domain.plans.reminders import StaffReminderRefusal
from app.domain.records.access import Permission
from app.domain.refusal import Refused
from app.services.clinic.today.bulk_acts import BulkResult, act_on_each
from app.services.core.context import StaffContext
from app.services.reminders.staff_reminder import queue_staff_reminder


def remind_participants(context: StaffContext, chosen: Mapping[str, str]) -> BulkResult:
    """Queue a reminder for each of these participants (public id) of the form (public id) named with them.

    Raises Refused as `act_on_each`.
    """
    return act_on_each(context, Permission.REMINDER_SEND, chosen, str, _remind)


def _remind(context: StaffContext, participant_id: int, form: str) -> None:
    if not form:  # a row without a form of which a reminder can be sent
        raise Refused(StaffReminderRefusal.FORM_NOT_OPEN.value)
    queue_staff_reminder(context, participant_id, form)
