"""Answers that a form cannot take: kept in sight of the site, never silently dropped (domain.md)."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import select

from app.domain.answers import Value
from app.domain.audit import Event
from app.domain.capture import content
from app.storage.capture import Quarantine
from app.storage.changes import chain_of_participant
from app.storage.schedule import Slot
from app.storage.unit_of_work import UnitOfWork


def set_apart(
    work: UnitOfWork,
    slot: Slot,
    answers: Mapping[str, Value],
    reason: str,
    device_at: datetime | None,
    event: Event = Event.ANSWERS_QUARANTINED,
) -> None:
    """Keep these answers beside the form, with the reason; the same ones are kept once."""
    sha256 = content(answers)
    same = Quarantine.slot_id == slot.id, Quarantine.content_sha256 == sha256, Quarantine.reason == reason
    if work.session.exec(select(Quarantine.id).where(*same)).first() is not None:
        return
    work.session.add(
        Quarantine(
            slot_id=slot.id or 0,
            reason=reason,
            content_sha256=sha256,
            answers=dict(answers),
            device_at=device_at,
            received_at=work.at,
        )
    )
    work.record(event, chain_of_participant(slot.participant_id), reason=reason)
