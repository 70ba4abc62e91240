"""Excusing a form: an exemption that the plan lists, recorded by staff."""

from datetime import datetime

from app.domain.access import Actor
from app.domain.audit import Event
from app.domain.refusal import Refused
from app.services.feed_events import told_of_slot
from app.services.installation import Installation
from app.services.participants import participant_of, site_of
from app.services.scheduling import plan_of
from app.storage.changes import chain_of_participant
from app.storage.slots import slots_of


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
        if exemption not in plan.exemptions:
            raise Refused("unknown_exemption", field="exemption", allowed=plan.exemptions)
        expected = slots_of(work.session, participant.id or 0)
        slots = [slot for slot in expected if slot.visit == visit]
        if not slots:
            raise Refused("unknown_visit", visit=visit, allowed=tuple(slot.visit for slot in expected))
        if any(slot.submitted_at for slot in slots):
            raise Refused("already_submitted")
        work.record(Event.SLOT_EXCUSED, chain, reason=exemption)
        site = site_of(work.session, participant)
        for slot in slots:
            slot.excused, slot.wake_at = exemption, None
            work.publish(
                study_id, told_of_slot(slot, participant, site, actor, "excused", blinded=plan.blinded)
            )
