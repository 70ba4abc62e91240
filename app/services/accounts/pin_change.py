"""A participant changes their PIN on a browser that is bound."""

from app.domain.plans.plan import SecondCheck
from app.domain.records.audit import AuditEvent
from app.services.accounts.second_check import check_new_pin, require_answer
from app.services.core.context import ParticipantContext
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant


def change_pin(context: ParticipantContext, now: str, new: str, again: str) -> None:
    """Replace the PIN `now` by `new`, for every browser of this person.

    Raises Refused: "throttled", "sign_in_busy", "bad_pin", "pins_differ", "wrong_pin"; a wrong one is
    recorded and counts like one at the lock.
    """
    require_answer(context, SecondCheck.pin, now)
    check_new_pin(new, again)
    hashed = context.installation.secret_box.pins.hash(new)
    with context.unit_of_work() as work:
        chain = participant_chain(context.participant.participant_id)
        work.lock(chain)
        work.session.get_one(Participant, context.participant.participant_id).pin_hash = hashed
        work.record(AuditEvent.PIN_CHANGED, chain)
