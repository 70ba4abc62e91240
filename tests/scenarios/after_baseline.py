"""What may follow on a baseline that was sent: a proposal to correct it, or an alert."""

from datetime import datetime

from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.services.clinic.corrections.proposals import ProposalEntry, ProposedAnswer, propose_correction
from app.services.core.context import StaffContext
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import Alert
from tests.scenarios.people import Person


def correct_baseline(person: Person, at: datetime, version: int = 1) -> str:
    """A nurse proposes to correct the fifth answer of somebody's baseline."""
    context = StaffContext(person.installation, person.nurse, at)
    answers = (ProposedAnswer("q5", "4", "wrong_tap"),)
    entry = ProposalEntry(version, answers, "I meant the other one", at.date(), "telephone")
    return propose_correction(context, person.row().id, person.slot("BL").public_id, entry)


def raise_alert(person: Person, at: datetime, name: str = "") -> None:
    """An alert that somebody's baseline raised, as if their plan had watched it."""
    key = person.row().id
    with person.installation.open_work(SYSTEM, at) as work:
        work.session.add(
            Alert(
                public_id=name or f"alert-{person.subject}",
                participant_id=key,
                study_id=person.site.study_id,
                slot_id=person.slot("BL").id,
                rule="much_pain",
                response_version=1,
                raised_at=at,
            )
        )
        work.record(AuditEvent.ALERT_RAISED, participant_chain(key))
