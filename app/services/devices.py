"""A lost telephone: site staff take its binding away, and it is dead at once (IAM-13)."""

from datetime import datetime

from sqlmodel import select

from app.domain.access import Actor, Permission
from app.domain.audit import Event
from app.domain.refusal import Refused
from app.services.installation import Installation
from app.services.participants import seen_by
from app.storage.changes import chain_of_participant
from app.storage.people import Device


def revoke_device(
    installation: Installation, actor: Actor, public_id: str, device_id: int, reason: str, at: datetime
) -> None:
    """Unbind one browser of a participant; one that is unbound already stays so.

    Raises Refused: "unknown_participant", "unknown_device", "reason_needed".
    """
    with installation.work(actor, at) as work:
        participant = seen_by(work.session, actor, public_id, Permission.ACTIVATION_ISSUE)
        chain = chain_of_participant(participant.id or 0)
        work.lock(chain)
        statement = select(Device).where(Device.id == device_id, Device.participant_id == participant.id)
        device = work.session.exec(statement).one_or_none()
        if device is None:
            raise Refused("unknown_device")
        if not reason.strip():
            raise Refused("reason_needed", field="reason")
        if device.revoked_at is None:
            device.revoked_at = at
            work.record(Event.DEVICE_REVOKED, chain, reason=reason.strip())
