"""Handing the clinic's tablet over to a participant: an invitation for one sitting on this very device."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.domain.plans.plan import SecondCheck
from app.domain.plans.status import ANSWERABLE
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_short_code, new_token, token_digest
from app.services.core.plans import get_plan_of
from app.storage.queries.participants import get_readable_slot
from app.storage.queries.slots import slot_status
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.participants import Activation, Device, Participant

HAND_OVER_LIFE = timedelta(minutes=15)
"""How long the participant may take to confirm who they are."""


def _unused(participant_id: int) -> SelectOfScalar[Activation]:
    return select(Activation).where(
        Activation.participant_id == participant_id,
        col(Activation.handed_over_by).is_not(None),
        col(Activation.used_at).is_(None),
        col(Activation.revoked_at).is_(None),
    )


def _tablets(session: Session, participant_id: int) -> Sequence[Device]:
    """The tablets that were handed over to this participant before, and not taken back."""
    handed = select(Device).where(
        Device.participant_id == participant_id,
        col(Device.handed_over_by).is_not(None),
        col(Device.revoked_at).is_(None),
    )
    return session.exec(handed).all()


def begin_hand_over(context: StaffContext, participant_id: int, slot_id: str = "") -> str:
    """An invitation for the tablet in this member of staff's hand; returns the token of its link.

    The participant confirms who they are as on a phone of their own: by their PIN (or a new one, where they
    never had one), or their birth date. For one form, or for all that are open. An earlier hand-over to them
    ends. Raises Refused:
    "participation_ended", "consent_needed", "birth_date_needed", "unknown_slot", "hand_over_form".
    """
    token = new_token()
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        participant = work.session.get_one(Participant, participant_id)
        plan = get_plan_of(context.installation, work.session, participant)
        if participant.exit_kind is not None:
            raise Refused("participation_ended")
        if participant.consent_version is None:
            raise Refused("consent_needed", field="consent")
        if plan.second_check is SecondCheck.birth_date and participant.birth_hash is None:
            raise Refused("birth_date_needed", field="born_on")
        slot = None
        if slot_id:
            slot = get_readable_slot(work.session, context.actor, plan, participant, slot_id)
            if slot_status(slot, context.at) not in ANSWERABLE:
                raise Refused("hand_over_form", field="slot")
        for earlier in (*work.session.exec(_unused(participant_id)), *_tablets(work.session, participant_id)):
            earlier.revoked_at = context.at
        needs_pin = plan.second_check is SecondCheck.pin and participant.pin_hash is None
        activation = Activation(
            participant_id=participant_id,
            token_hash=token_digest(token),
            code_hash=token_digest(new_short_code()),  # nobody is told: there is no code beside this link
            issued_at=context.at,
            issued_by=context.actor.id,
            expires_at=context.at + HAND_OVER_LIFE,
            code_expires_at=context.at,
            resets_pin=needs_pin,
            handed_over_by=context.actor.id,
            handed_slot_id=slot.id if slot else None,
        )
        work.session.add(activation)
        about = [FieldChange(record_name(slot), "handed_over_by", None, context.actor.id)] if slot else []
        work.record(AuditEvent.DEVICE_HANDED_OVER, chain, changes=about)
    return token
