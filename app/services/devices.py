"""The browsers of a participant: a lost one is dead at once (IAM-13), another one is let in by a code."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.domain.access import Actor, Permission
from app.domain.audit import Event
from app.domain.refusal import Refused
from app.services.enrolment import CODE_LIFE
from app.services.entry import Visitor
from app.services.identifiers import hashed, short_code, token
from app.services.installation import Installation
from app.services.participants import seen_by
from app.storage.changes import chain_of_participant
from app.storage.people import Activation, Device


@dataclass(frozen=True, slots=True)
class OwnCode:
    """A code that lets one more browser in, once."""

    code: str
    expires_at: datetime


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
        device = _device(work.session, participant.id or 0, device_id)
        if not reason.strip():
            raise Refused("reason_needed", field="reason")
        if device.revoked_at is None:
            device.revoked_at = at
            work.record(Event.DEVICE_REVOKED, chain, reason=reason.strip())


def own_devices(session: Session, visitor: Visitor) -> tuple[Device, ...]:
    """The browsers that are bound to this person now, the one used last first."""
    statement = select(Device).where(
        Device.participant_id == visitor.participant_id, col(Device.revoked_at).is_(None)
    )
    return tuple(session.exec(statement.order_by(col(Device.seen_at).desc(), col(Device.id).desc())))


def remove_own_device(installation: Installation, visitor: Visitor, device_id: int, at: datetime) -> None:
    """Unbind another browser of one's own; one that is unbound already stays so.

    Raises Refused: "unknown_device", "this_device" (that is what logging out is for).
    """
    with installation.work(visitor.actor, at) as work:
        chain = chain_of_participant(visitor.participant_id)
        work.lock(chain)
        device = _device(work.session, visitor.participant_id, device_id)
        if device_id == visitor.device_id:
            raise Refused("this_device")
        if device.revoked_at is None:
            device.revoked_at = at
            work.record(Event.DEVICE_REMOVED, chain)


def issue_own_code(installation: Installation, visitor: Visitor, at: datetime) -> OwnCode:
    """A code for one more browser of one's own; one made before stops working. It leaves the PIN as it is."""
    code = short_code()
    with installation.work(visitor.actor, at) as work:
        chain = chain_of_participant(visitor.participant_id)
        work.lock(chain)
        work.record(Event.OWN_CODE_ISSUED, chain)
        for earlier in work.session.exec(_own_codes(visitor)):
            earlier.revoked_at = at
        activation = Activation(
            participant_id=visitor.participant_id,
            token_hash=hashed(token()),  # nobody is told: there is no link beside this code
            code_hash=hashed(code),
            issued_at=at,
            issued_by=visitor.public_id,
            expires_at=at + CODE_LIFE,
            code_expires_at=at + CODE_LIFE,
            resets_pin=False,
        )
        work.session.add(activation)
    return OwnCode(code, activation.code_expires_at)


def _own_codes(visitor: Visitor) -> SelectOfScalar[Activation]:
    return select(Activation).where(
        Activation.participant_id == visitor.participant_id,
        col(Activation.resets_pin).is_(False),
        col(Activation.used_at).is_(None),
        col(Activation.revoked_at).is_(None),
    )


def _device(session: Session, participant_id: int, device_id: int) -> Device:
    statement = select(Device).where(Device.id == device_id, Device.participant_id == participant_id)
    device = session.exec(statement).one_or_none()
    if device is None:
        raise Refused("unknown_device")
    return device
