"""Excusing a form: an exemption that the plan lists, recorded by staff."""

from collections.abc import Sequence
from datetime import datetime

from app.domain.access import Actor, Permission
from app.domain.audit import Event
from app.domain.plan import Plan
from app.domain.refusal import Refused
from app.domain.status import Status
from app.services.feed_events import told_of_slot
from app.services.installation import Installation
from app.services.participants import participant_of, seen_by, site_of, slot_seen_by
from app.services.scheduling import plan_of
from app.storage.changes import chain_of_participant
from app.storage.people import Participant
from app.storage.schedule import Slot
from app.storage.slots import slots_of, status_of
from app.storage.unit_of_work import UnitOfWork

_SETTLED = frozenset({Status.submitted, Status.not_expected, Status.excused})


def excuse_visit(
    installation: Installation,
    actor: Actor,
    study_id: int,
    subject: str,
    visit: str,
    exemption: str,
    at: datetime,
) -> None:
    """Excuse every form of a visit that was not sent; it is then expected no more (domain.md, "excused").

    Raises Refused: "unknown_participant", "unknown_exemption" naming those of the plan, "unknown_visit",
    "already_submitted".
    """
    with installation.work(actor, at) as work:
        participant = participant_of(work.session, study_id, subject)
        chain = chain_of_participant(participant.id or 0)
        work.lock(chain)
        plan = plan_of(installation, work.session, study_id)
        _check(plan, exemption)
        expected = slots_of(work.session, participant.id or 0)
        slots = [slot for slot in expected if slot.visit == visit]
        if not slots:
            raise Refused("unknown_visit", visit=visit, allowed=tuple(slot.visit for slot in expected))
        if any(slot.submitted_at for slot in slots):
            raise Refused("already_submitted")
        _excuse(work, actor, plan, participant, slots, exemption)


def excuse_form(
    installation: Installation, actor: Actor, public_id: str, slot_id: str, exemption: str, at: datetime
) -> None:
    """Excuse one form that nobody has begun, as site staff of the participant; the EDC is told.

    Raises Refused: "unknown_participant", "unknown_slot" (also for one that this actor may not see),
    "not_excusable", "unknown_exemption" naming those of the plan.
    """
    with installation.work(actor, at) as work:
        participant = seen_by(work.session, actor, public_id, Permission.REASON_RECORD)
        work.lock(chain_of_participant(participant.id or 0))
        plan = plan_of(installation, work.session, participant.study_id)
        slot = slot_seen_by(work.session, actor, plan, participant, slot_id)
        if not excusable(slot, at):
            raise Refused("not_excusable")
        _check(plan, exemption)
        _excuse(work, actor, plan, participant, [slot], exemption)


def excusable(slot: Slot, at: datetime) -> bool:
    """Whether staff may excuse this form at this moment: it is expected, or was, and holds no answers."""
    return slot.begun_at is None and status_of(slot, at) not in _SETTLED


def _check(plan: Plan, exemption: str) -> None:
    if exemption not in plan.exemptions:
        raise Refused("unknown_exemption", field="exemption", allowed=plan.exemptions)


def _excuse(
    work: UnitOfWork,
    actor: Actor,
    plan: Plan,
    participant: Participant,
    slots: Sequence[Slot],
    exemption: str,
) -> None:
    work.record(Event.SLOT_EXCUSED, chain_of_participant(participant.id or 0), reason=exemption)
    site = site_of(work.session, participant)
    for slot in slots:
        slot.excused, slot.wake_at = exemption, None
        told = told_of_slot(slot, participant, site, actor, "excused", blinded=plan.blinded)
        work.publish(participant.study_id, told)
