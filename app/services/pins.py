"""A participant changes their PIN on a browser that is bound."""

from datetime import datetime

from app.domain.audit import Event
from app.domain.plan import SecondCheck
from app.domain.refusal import Refused
from app.services.entry import Visitor
from app.services.installation import Installation
from app.services.second_check import check_new_pin, confirmed
from app.services.throttling import check_tries, count_failure, forget_failures, tries_of_browser
from app.storage.changes import chain_of_participant
from app.storage.people import Participant


def change_pin(
    installation: Installation, visitor: Visitor, now: str, new: str, again: str, at: datetime
) -> None:
    """Replace the PIN `now` by `new`, for every browser of this person.

    Raises Refused: "throttled", "bad_pin", "pins_differ", "wrong_pin"; a wrong one is recorded and counts
    like one at the lock.
    """
    tries = tries_of_browser(visitor.participant_id, visitor.device_id)
    chain = chain_of_participant(visitor.participant_id)
    with installation.read() as session:
        check_tries(session, tries, at)
        participant = session.get_one(Participant, visitor.participant_id)
        right = confirmed(installation.sealer, participant, SecondCheck.pin, now)
    if right:
        check_new_pin(new, again)
    hashed = installation.sealer.hash(new) if right else None
    with installation.work(visitor.actor, at) as work:
        work.lock(chain)
        if hashed is None:
            count_failure(work.session, tries, at)
            work.record(Event.PIN_REFUSED, chain)
        else:
            work.session.get_one(Participant, visitor.participant_id).pin_hash = hashed
            forget_failures(work.session, tries)
            work.record(Event.PIN_CHANGED, chain)
    if hashed is None:
        raise Refused("wrong_pin")
