"""Why a form was missed: a closed list with a note, recorded by site staff (REP-04)."""

from app.domain.plans.plan import MissedReason
from app.domain.plans.publication import FORM_MISSED
from app.domain.plans.status import Status
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.schedule.slot_publication import publish_slot
from app.services.schedule.slots import lock_form
from app.storage.queries.slots import slot_status
from app.storage.row_changes import participant_chain


def record_missed_reason(
    context: StaffContext,
    participant_id: int,
    slot_id: str,
    reason: str,
    note: str,
) -> None:
    """Say, or say better, why a form was missed; the EDC is told again, with the reason.

    Raises Refused: "unknown_slot" (also for one that this actor may not see), "not_missed",
    "unknown_reason" naming the plan's, "note_needed" for `other`.
    """
    with context.unit_of_work() as work:
        form = lock_form(context, work, participant_id, slot_id)
        plan, slot = form.plan, form.slot
        if slot_status(slot, context.at) is not Status.missed:
            raise Refused("not_missed")
        if reason not in plan.missed_reasons:
            raise Refused("unknown_reason", field="reason", allowed=tuple(plan.missed_reasons))
        if reason == MissedReason.other and not note.strip():
            raise Refused("note_needed", field="note")
        slot.missed_reason, slot.missed_note = reason, note.strip() or None
        work.record(
            AuditEvent.MISSED_REASON_RECORDED, participant_chain(participant_id), reason=slot.missed_note
        )
        publish_slot(context.installation, work, slot, context.actor, FORM_MISSED)
