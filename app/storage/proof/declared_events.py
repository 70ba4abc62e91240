"""The events that a transaction declares, and which of them answers for a changed row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.records.access import Actor
from app.domain.records.audit import AuditEvent, FieldChange
from app.storage.audit import UnauditedChange
from app.storage.proof.event_tables import COVERS
from app.storage.proof.row_facts import RowChange, RowFact


@dataclass(slots=True)
class DeclaredEvent:
    """An event recorded in this transaction, by whom and when, with the changes it answers for."""

    event: AuditEvent
    chain: str
    study_id: int | None
    reason: str | None
    actor: Actor
    at: datetime
    changes: list[FieldChange] = field(default_factory=list)
    facts: list[RowFact] = field(default_factory=list)


def cover_change(declared: Sequence[DeclaredEvent], change: RowChange) -> None:
    """Give a changed row to the first event that covers its table in its own chain (`chain_of_row`).

    A participant's rows are told in their chain alone, where whoever proves them looks for it.
    """
    able = (declaration for declaration in declared if change.chain == declaration.chain)
    answering = next(
        (declaration for declaration in able if change.table in COVERS.get(declaration.event, ())), None
    )
    if answering is None:
        names = [f"{field_change.record}.{field_change.field}" for field_change in change.changes[:1]] or [
            change.table
        ]
        raise UnauditedChange(f"{names[0]} changed without an event")
    answering.changes.extend(change.changes)
    answering.facts.extend([] if change.fact is None else [change.fact])
