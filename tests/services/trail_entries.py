"""What the audit trail of an installation has."""

from sqlmodel import select

from app.domain.records.audit import AuditEvent
from app.services.core.installation import Installation
from app.storage.tables.audit import AuditEntry


def entries_of(installation: Installation, event: AuditEvent) -> list[AuditEntry]:
    """What the audit trail has of an event."""
    with installation.read() as session:
        return list(session.exec(select(AuditEntry).where(AuditEntry.event == event.value)))
