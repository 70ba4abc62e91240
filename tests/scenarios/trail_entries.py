"""What the audit trail of an installation has, and where it does not hold."""

from sqlmodel import select

from app.domain.records.audit import AuditEvent, IntegrityFault
from app.services.audit.audit_verification import inspect_trail
from app.services.core.installation import Installation
from app.storage.tables.audit import AuditEntry


def entries_of(installation: Installation, event: AuditEvent) -> list[AuditEntry]:
    """What the audit trail has of an event."""
    with installation.read() as session:
        return list(session.exec(select(AuditEntry).where(AuditEntry.event == event.value)))


def verify_trail(installation: Installation) -> list[IntegrityFault]:
    """Every place where trail and records do not hold; empty when all is whole."""
    return inspect_trail(installation).faults
