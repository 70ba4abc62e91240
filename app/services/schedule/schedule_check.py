"""Comparing each participant's stored forms with what the plan promises, and mending what can be mended."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app.definitions.library import Library
from app.domain.plans.plan import Plan
from app.domain.plans.schedule_faults import ScheduleFault, ScheduleFaultKind, find_schedule_faults
from app.domain.records.audit import AuditEvent
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan, get_plan_of
from app.services.schedule.slot_changes import apply_proposal
from app.services.schedule.slots import (
    current_anchors,
    find_waiting_paper,
    propose_schedule,
    standing_slot,
)
from app.storage.queries.slots import list_slot_records
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant

MENDABLE = frozenset({ScheduleFaultKind.empty_day, ScheduleFaultKind.moved_window})


@dataclass(frozen=True, slots=True)
class ParticipantFaults:
    """A participant of whom something does not hold, and what."""

    participant_id: int
    subject: str
    faults: tuple[ScheduleFault, ...]


def list_schedule_faults(
    library: Library, session: Session, plan: Plan, participant: Participant, at: datetime
) -> tuple[ScheduleFault, ...]:
    """What the plan promises of one participant's forms and does not hold."""
    anchors = current_anchors(session, participant.id)
    slots = list_slot_records(session, participant.id)
    changes = propose_schedule(session, library, plan, participant, slots, anchors, at).changes
    waiting = find_waiting_paper(session, participant.id)
    standing = [standing_slot(plan, slot, waiting) for slot in slots]
    return tuple(find_schedule_faults(plan, anchors, standing, changes, at))


def check_schedules(context: StaffContext) -> Iterator[ParticipantFaults]:
    """All participants of whom something does not hold, one at a time, in order."""
    with context.read() as session:
        everybody = session.exec(select(Participant.id).order_by(col(Participant.id))).all()
    for participant_id in everybody:
        with context.read() as session:
            participant = session.get_one(Participant, participant_id)
            plan = get_plan_of(context.installation, session, participant)
            library = context.installation.library
            faults = list_schedule_faults(library, session, plan, participant, context.at)
            present = get_plan(context.installation, session, participant.study_id).version
            if plan.version != present:
                earlier = ScheduleFault(ScheduleFaultKind.earlier_plan, plan.version, present)
                faults = (*faults, earlier)
            if faults:
                yield ParticipantFaults(participant.id, participant.subject, faults)


def mend_schedule(context: StaffContext, faults: ParticipantFaults) -> bool:
    """Make missing days and move windows that nobody has begun to where the plan has them; whether any."""
    if MENDABLE.isdisjoint(fault.kind for fault in faults.faults):
        return False
    with context.unit_of_work() as work:
        chain = participant_chain(faults.participant_id)
        work.lock(chain)
        participant = work.session.get_one(Participant, faults.participant_id)
        plan = get_plan_of(context.installation, work.session, participant)
        anchors = current_anchors(work.session, faults.participant_id)
        slots = list_slot_records(work.session, faults.participant_id)
        library = context.installation.library
        proposal = propose_schedule(work.session, library, plan, participant, slots, anchors, context.at)
        work.record(AuditEvent.SCHEDULE_MENDED, chain)
        apply_proposal(context.installation, work, plan, participant, proposal)
    return True
