"""What participants set for themselves: how large they read."""

from datetime import datetime

from app.domain.audit import Event
from app.domain.refusal import Refused
from app.services.entry import Visitor
from app.services.installation import Installation
from app.storage.changes import chain_of_participant
from app.storage.people import Participant, TextSize


def choose_text_size(installation: Installation, visitor: Visitor, size: str, at: datetime) -> None:
    """Set how large this participant reads. Raises Refused("unknown_choice")."""
    if size not in tuple(TextSize):
        raise Refused("unknown_choice", field="text_size", allowed=tuple(TextSize))
    with installation.work(visitor.actor, at) as work:
        participant = work.session.get_one(Participant, visitor.participant_id)
        if participant.text_size != TextSize(size):
            participant.text_size = TextSize(size)
            work.record(Event.TEXT_SIZE_CHANGED, chain_of_participant(visitor.participant_id))
