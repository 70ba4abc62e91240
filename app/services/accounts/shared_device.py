"""One device, several participants: who is bound in a browser, passing it on, and the clinic's tablet."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app.domain.records.audit import AuditEvent
from app.domain.records.participants import HandOverEnd
from app.domain.refusal import Refused
from app.services.accounts.participant_session import authenticate_participant, lock_device, unbind_device
from app.services.core.context import (
    DeviceContext,
    ParticipantContext,
    ParticipantSession,
    participant_actor,
)
from app.services.core.installation import Installation
from app.storage.tables.participants import Device, Participant


@dataclass(frozen=True, slots=True)
class BoundParticipant:
    """Somebody bound in this browser: the cookie's token, and who it is."""

    token: str
    participant: ParticipantSession


def list_bound_participants(
    installation: Installation, tokens: Collection[str], at: datetime
) -> tuple[BoundParticipant, ...]:
    """The participants whom these tokens still bind, in the order of the tokens."""
    with installation.read() as session:
        bound = [
            _bound_participant(session, DeviceContext.of_cookie(installation, token, at), token)
            for token in tokens
        ]
    return tuple(device for device in bound if device is not None)


def _bound_participant(session: Session, context: DeviceContext, token: str) -> BoundParticipant | None:
    try:
        return BoundParticipant(token, authenticate_participant(session, context))
    except Refused:
        return None


def lock_bound_participants(
    installation: Installation, tokens: Collection[str], at: datetime
) -> tuple[str, ...]:
    """Lock everybody whom these tokens still bind, and return their tokens; not a tablet handed over."""
    bound = list_bound_participants(installation, tokens, at)
    own = [device for device in bound if not device.participant.handed_over]
    for device in own:
        lock_device(ParticipantContext(installation, device.participant, at))
    return tuple(device.token for device in own)


def end_hand_over(context: DeviceContext, why: HandOverEnd) -> bool:
    """Take the clinic's tablet back (idempotent); whether the browser is such a tablet."""
    statement = select(Device, Participant).join(
        Participant, col(Participant.id) == col(Device.participant_id)
    )
    mine = statement.where(Device.token_hash == context.token_digest, col(Device.handed_over_by).is_not(None))
    with context.installation.read() as session:
        row = session.exec(mine).one_or_none()
    if row is None:
        return False
    device, participant = row
    if device.revoked_at is None:
        actor = participant_actor(participant.public_id)
        with context.installation.open_work(actor, context.at) as work:
            unbind_device(work, participant.id, device.id, AuditEvent.HAND_OVER_ENDED, why.value)
    return True
