"""Why a form was missed: a closed list with a note, recorded by site staff (REP-04)."""

from datetime import datetime

from app.domain.access import Actor, Permission
from app.domain.audit import Event
from app.domain.plan import MissedReason
from app.domain.refusal import Refused
from app.domain.status import Status
from app.services.feed_events import told_of_slot
from app.services.installation import Installation
from app.services.participants import seen_by, site_of, slot_seen_by
from app.services.scheduling import plan_of
from app.storage.changes import chain_of_participant
from app.storage.slots import status_of


def record_missed_reason(
    installation: Installation,
    actor: Actor,
    public_id: str,
    slot_id: str,
    reason: str,
    note: str,
    at: datetime,
) -> None:
    """Say, or say better, why a form was missed; the EDC is told again, with the reason.

    Raises Refused: "unknown_participant", "unknown_slot" (also for one that this actor may not see),
    "not_missed", "unknown_reason" naming the plan's, "note_needed" for `other`.
    """
    with installation.work(actor, at) as work:
        participant = seen_by(work.session, actor, public_id, Permission.REASON_RECORD)
        chain = chain_of_participant(participant.id or 0)
        work.lock(chain)
        plan = plan_of(installation, work.session, participant.study_id)
        slot = slot_seen_by(work.session, actor, plan, participant, slot_id)
        if status_of(slot, at) is not Status.missed:
            raise Refused("not_missed")
        if reason not in plan.missed_reasons:
            raise Refused("unknown_reason", field="reason", allowed=tuple(plan.missed_reasons))
        if reason == MissedReason.other and not note.strip():
            raise Refused("note_needed", field="note")
        slot.missed_reason, slot.missed_note = reason, note.strip() or None
        work.record(Event.MISSED_REASON_RECORDED, chain, reason=slot.missed_note)
        site = site_of(work.session, participant)
        told = told_of_slot(slot, participant, site, actor, "missed", blinded=plan.blinded)
        work.publish(slot.study_id, told)
