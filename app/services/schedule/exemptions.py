"""Excusing a form: an exemption that the plan lists, recorded by staff."""

from collections.abc import Collection, Sequence
from datetime import datetime

from app.domain.plans.plan import Plan
from app.domain.plans.status import Status
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan_of
from app.services.schedule.slot_publication import publish_acts_of
from app.services.schedule.slots import find_waiting_paper, is_slot_touched, lock_form
from app.storage.queries.participants import get_participant
from app.storage.queries.slots import StoredSlot, list_slots, slot_status
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork

_SETTLED = frozenset({Status.submitted, Status.not_expected, Status.excused})


def excuse_visit(
    context: StaffContext,
    study_id: int,
    subject: str,
    visit: str,
    exemption: str,
) -> None:
    """Excuse every form of a visit that was not sent, for a reason that the plan lists (an exemption).

    Raises Refused: "unknown_participant", "unknown_exemption" naming those of the plan, "unknown_visit",
    "already_submitted".
    """
    with context.unit_of_work() as work:
        participant = get_participant(work.session, study_id, subject)
        chain = participant_chain(participant.id)
        work.lock(chain)
        plan = get_plan_of(context.installation, work.session, participant)
        _check(plan, exemption)
        expected = list_slots(work.session, participant.id)
        slots = [slot for slot in expected if slot.visit == visit]
        if not slots:
            raise Refused("unknown_visit", visit=visit, allowed=tuple(slot.visit for slot in expected))
        if any(slot.submitted_at for slot in slots):
            raise Refused("already_submitted")
        _excuse(context, work, participant, slots, exemption)


def excuse_form(context: StaffContext, participant_id: int, slot_id: str, exemption: str) -> None:
    """Excuse one form that nobody has begun, as site staff of the participant; the EDC is told.

    Raises Refused: "unknown_slot" (also for one that this actor may not see), "not_excusable",
    "unknown_exemption" naming those of the plan.
    """
    with context.unit_of_work() as work:
        form = lock_form(context, work, participant_id, slot_id)
        waiting = find_waiting_paper(work.session, participant_id)
        if not is_excusable(form.slot, context.at, waiting):
            raise Refused("not_excusable")
        _check(form.plan, exemption)
        _excuse(context, work, form.participant, [form.slot], exemption)


def is_excusable(slot: StoredSlot, at: datetime, waiting_paper: Collection[int]) -> bool:
    """Whether staff may excuse this form at this moment: it is expected, or was, and holds no answers.

    `waiting_paper` as `find_waiting_paper` gives it.
    """
    return not is_slot_touched(slot, waiting_paper) and slot_status(slot, at) not in _SETTLED


def _check(plan: Plan, exemption: str) -> None:
    if exemption not in plan.exemptions:
        raise Refused("unknown_exemption", field="exemption", allowed=plan.exemptions)


def _excuse(
    context: StaffContext, work: UnitOfWork, participant: Participant, slots: Sequence[Slot], exemption: str
) -> None:
    work.record(AuditEvent.SLOT_EXCUSED, participant_chain(participant.id), reason=exemption)
    publish_acts_of(context.installation, work, participant.id)
    for slot in slots:
        slot.excused, slot.wake_at = exemption, None
