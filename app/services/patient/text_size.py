"""How large a participant reads."""

from app.domain.records.audit import AuditEvent
from app.domain.records.participants import TextSize
from app.domain.refusal import Refused
from app.services.core.context import ParticipantContext
from app.services.schedule.next_due import lock_participant
from app.storage.row_changes import participant_chain


def choose_text_size(context: ParticipantContext, size: str) -> None:
    """Set how large this participant reads. Raises Refused("unknown_choice")."""
    if size not in tuple(TextSize):
        raise Refused("unknown_choice", field="text_size", allowed=tuple(TextSize))
    with context.unit_of_work() as work:
        participant = lock_participant(work, context.participant.participant_id)
        if participant.text_size != TextSize(size):
            participant.text_size = TextSize(size)
            work.record(AuditEvent.TEXT_SIZE_CHANGED, participant_chain(context.participant.participant_id))
