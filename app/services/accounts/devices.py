"""The browsers of a participant: revoking a lost one at once (IAM-13), and binding another by a code."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.domain.people.names import require_reason
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.typed_text import trim_words
from app.services.accounts.activation import CODE_LIFE
from app.services.accounts.participant_session import unbind_device
from app.services.core.context import ParticipantContext, ParticipantSession, StaffContext
from app.services.core.identifiers import new_short_code, new_token, token_digest
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Activation, Device


@dataclass(frozen=True, slots=True)
class BoundDevice:
    """A browser that is bound to a participant, or was until `revoked_at`; `handed_over`: of the clinic."""

    device_id: int
    label: str
    bound_at: datetime
    seen_at: datetime
    revoked_at: datetime | None
    handed_over: bool


@dataclass(frozen=True, slots=True)
class OwnCode:
    """A single-use code by which a participant binds one more browser of their own."""

    code: str
    expires_at: datetime


def revoke_device(context: StaffContext, participant_id: int, device_id: int, reason: str) -> None:
    """Unbind one browser of a participant; one that is unbound already stays so.

    Raises Refused: "unknown_device", "reason_needed".
    """
    with context.unit_of_work() as work:
        _check_owner(work.session, participant_id, device_id)
        require_reason(reason)
        unbind_device(work, participant_id, device_id, AuditEvent.DEVICE_REVOKED, trim_words(reason))


def list_own_devices(context: ParticipantContext) -> tuple[BoundDevice, ...]:
    """The browsers that are bound to this person now, the one used last first."""
    statement = (
        select(Device)
        .where(Device.participant_id == context.participant.participant_id, col(Device.revoked_at).is_(None))
        .order_by(col(Device.seen_at).desc(), col(Device.id).desc())
    )
    with context.read() as session:
        return tuple(bound_device(row) for row in session.exec(statement))


def bound_device(row: Device) -> BoundDevice:
    """The browser of this row."""
    handed_over = row.handed_over_by is not None
    return BoundDevice(row.id, row.label, row.bound_at, row.seen_at, row.revoked_at, handed_over)


def remove_own_device(context: ParticipantContext, device_id: int) -> None:
    """Unbind another browser of one's own; one that is unbound already stays so.

    Raises Refused: "unknown_device", "this_device" (that is what logging out is for).
    """
    with context.unit_of_work() as work:
        _check_owner(work.session, context.participant.participant_id, device_id)
        if device_id == context.participant.device_id:
            raise Refused("this_device")
        unbind_device(work, context.participant.participant_id, device_id, AuditEvent.DEVICE_REMOVED)


def issue_own_code(context: ParticipantContext) -> OwnCode:
    """A code for one more browser of one's own; one made before stops working. It leaves the PIN as it is."""
    code = new_short_code()
    with context.unit_of_work() as work:
        chain = participant_chain(context.participant.participant_id)
        work.lock(chain)
        work.record(AuditEvent.OWN_CODE_ISSUED, chain)
        for earlier in work.session.exec(_own_codes(context.participant)):
            earlier.revoked_at = context.at
        activation = Activation(
            participant_id=context.participant.participant_id,
            token_hash=token_digest(new_token()),  # nobody is told: there is no link beside this code
            code_hash=token_digest(code),
            issued_at=context.at,
            issued_by=context.participant.public_id,
            expires_at=context.at + CODE_LIFE,
            code_expires_at=context.at + CODE_LIFE,
            resets_pin=False,
        )
        work.session.add(activation)
    return OwnCode(code, activation.code_expires_at)


def _own_codes(owner: ParticipantSession) -> SelectOfScalar[Activation]:
    return select(Activation).where(
        Activation.participant_id == owner.participant_id,
        col(Activation.resets_pin).is_(False),
        col(Activation.handed_over_by).is_(None),
        col(Activation.used_at).is_(None),
        col(Activation.revoked_at).is_(None),
    )


def _check_owner(session: Session, participant_id: int, device_id: int) -> None:
    statement = select(Device.id).where(Device.id == device_id, Device.participant_id == participant_id)
    if session.exec(statement).first() is None:
        raise Refused("unknown_device")
