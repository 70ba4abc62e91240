"""Arms in tests of use cases: somebody is assigned to one, and the plans hide it."""

from dataclasses import replace

from app.domain.people.role_views import RoleView
from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.services.core.installation import Installation
from app.services.core.plans import get_plan
from app.services.schedule.slot_changes import apply_proposal
from app.services.schedule.slots import current_anchors, propose_schedule
from app.storage.queries.slots import list_slot_records
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant
from tests.scenarios.people import START, Person, days


def assign_arm(person: Person, arm: str | None, day: float) -> None:
    """What the EDC's arm does: the schedule is computed anew."""
    at = START + days(day)
    with person.installation.open_work(SYSTEM, at) as work:
        participant = work.session.get_one(Participant, person.row().id)
        work.lock(participant_chain(participant.id))
        participant.arm = arm
        plan = get_plan(person.installation, work.session, participant.study_id)
        anchors = current_anchors(work.session, participant.id)
        slots = list_slot_records(work.session, participant.id)
        library = person.installation.library
        proposal = propose_schedule(work.session, library, plan, participant, slots, anchors, at)
        apply_proposal(person.installation, work, plan, participant, proposal)
        work.record(AuditEvent.ARM_RECORDED, participant_chain(participant.id))


def with_hidden_arms(installation: Installation, *views: RoleView) -> Installation:
    """The same, with plans that hide the arm and say this of what roles see."""
    library = installation.library
    plans = {key: replace(plan, blinded=True, role_views=views) for key, plan in library.plans.items()}
    return replace(installation, library=replace(library, plans=plans))
