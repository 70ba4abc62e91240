"""Quarantine of answers that a form cannot take: in sight of the site, never silently dropped."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import select

from app.domain.capture.answers import CollectionMode
from app.domain.capture.document import content_digest
from app.domain.instruments.responses import AnswerValue
from app.domain.records.audit import AuditEvent
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import Quarantine
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork

ACCEPTED_LATE = "quarantine:"
"""How the submission of a response begins that came too late and was accepted by an investigator."""


def quarantine_answers(
    work: UnitOfWork,
    slot: Slot,
    answers: Mapping[str, AnswerValue],
    reason: str,
    device_at: datetime | None,
    event: AuditEvent = AuditEvent.ANSWERS_QUARANTINED,
    *,
    mode: CollectionMode,
    clock_untrusted: bool,
) -> None:
    """Store these answers beside the form, with the reason and by which means they were given.

    Idempotent by content and reason.
    """
    sha256 = content_digest(answers)
    same = Quarantine.slot_id == slot.id, Quarantine.content_sha256 == sha256, Quarantine.reason == reason
    if work.session.exec(select(Quarantine.id).where(*same)).first() is not None:
        return
    work.session.add(
        Quarantine(
            slot_id=slot.id,
            reason=reason,
            content_sha256=sha256,
            answers=dict(answers),
            mode=mode,
            device_at=device_at,
            clock_untrusted=clock_untrusted,
            received_at=work.at,
        )
    )
    work.record(event, participant_chain(slot.participant_id), reason=reason)
