"""One participant's audit entries, the newest first, page by page (keyset), with names of staff."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.records.audit import AuditEvent
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.audit import AuditEntry
from app.storage.tables.messages import Message
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import Staff

_NAMED = sa.literal("staff:").concat(sa.cast(col(Staff.id), sa.String))


def read_history_page(
    session: Session, participant_id: int, events: Collection[str], before: int | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Entries of these events older than the one numbered `before`; `who` is the name of the staff."""
    statement: sa.Select[*tuple[Any, ...]] = (
        sa.select(
            col(AuditEntry.seq),
            col(AuditEntry.event),
            col(AuditEntry.at),
            col(AuditEntry.actor_kind),
            col(AuditEntry.reason),
            col(AuditEntry.changes),
            col(Staff.name).label("who"),
        )
        .join_from(AuditEntry, Staff, col(AuditEntry.actor_id) == _NAMED, isouter=True)
        .where(col(AuditEntry.chain) == participant_chain(participant_id), col(AuditEntry.event).in_(events))
        .order_by(col(AuditEntry.seq).desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(col(AuditEntry.seq) < before)
    return session.execute(statement).all()


def read_form_entries(session: Session, slot: Slot, event: AuditEvent) -> Sequence[sa.Row[Any]]:
    """The entries of this event that changed this form, the oldest first; `who` is the name of the staff.

    An entry may be about several forms: its facts name each by its public id, also one whose visit was
    given another code since.
    """
    statement: sa.Select[*tuple[Any, ...]] = (
        sa.select(
            col(AuditEntry.at),
            col(AuditEntry.reason),
            col(AuditEntry.changes),
            col(Staff.name).label("who"),
        )
        .join_from(AuditEntry, Staff, col(AuditEntry.actor_id) == _NAMED, isouter=True)
        .where(
            col(AuditEntry.chain) == participant_chain(slot.participant_id),
            col(AuditEntry.event) == event.value,
            col(AuditEntry.facts).contains(slot.public_id, autoescape=True),
        )
        .order_by(col(AuditEntry.seq))
    )
    return session.execute(statement).all()


def read_language_at(session: Session, participant: Participant, at: datetime) -> str:
    """The participant's language at a moment: the one from which the first change since then led away."""
    entries = sa.select(col(AuditEntry.changes)).where(
        col(AuditEntry.chain) == participant_chain(participant.id),
        col(AuditEntry.at) > at,
        col(AuditEntry.changes).contains('"field":"language"', autoescape=True),
    )
    documents = session.execute(entries.order_by(col(AuditEntry.seq))).scalars()
    changes = (change for text in documents for change in json.loads(text))
    name = record_name(participant)
    before = (
        change["old"] for change in changes if (change["record"], change["field"]) == (name, "language")
    )
    return next((str(language) for language in before if language is not None), participant.language)


def read_message_slots(session: Session, messages: Collection[int]) -> dict[int, int]:
    """By the message's key the form that it is about."""
    statement = sa.select(col(Message.id), col(Message.slot_id)).where(col(Message.id).in_(messages))
    return {row.id: row.slot_id for row in session.execute(statement)} if messages else {}
