"""What the EDC said in two ways for one moment, read from the participant's audit trail."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from app.domain.records.audit import AuditEvent, FieldChange, format_instant
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditEntry

_RECORD = "contradiction:"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two bodies for one address and moment; the stored one stands."""

    resource: str
    as_of: datetime
    stored: dict[str, Any]
    refused: dict[str, Any]

    @property
    def part(self) -> str:
        """What it is about, such as `status` or `visits/W6`; never what was said."""
        return self.resource.split("/", 2)[2] if self.resource.count("/") > 1 else "participant"

    def as_change(self) -> FieldChange:
        """As the trail tells it; it is no record of its own."""
        name = f"{_RECORD}{self.resource}@{format_instant(self.as_of)}"
        return FieldChange(name, "body", self.stored, self.refused)


def read_contradictions(session: Session, participant_id: int) -> list[Contradiction]:
    """Each contradiction once, oldest first."""
    statement = select(AuditEntry.changes).where(
        AuditEntry.chain == participant_chain(participant_id),
        AuditEntry.event == AuditEvent.BODY_CONTRADICTED.value,
    )
    texts = session.exec(statement.order_by(col(AuditEntry.seq)))
    return [read_contradiction(change) for text in texts for change in json.loads(text)]


def read_contradiction(change: dict[str, Any]) -> Contradiction:
    resource, _, as_of = change["record"].removeprefix(_RECORD).rpartition("@")
    return Contradiction(resource, datetime.fromisoformat(as_of), change["old"], change["new"])
