"""What the trail tells of a participant's whole way, and of who was let in: act by act."""

from datetime import date

import pytest
from sqlmodel import col, select

from app.domain.plans.plan import MissedReason, Owner
from app.domain.records.access import SYSTEM, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.services.core.context import ClockContext, StaffContext
from app.services.core.installation import Installation
from app.services.reminders.due_slots import process_due_slots
from app.services.schedule.dispositions import DispositionEntry, record_disposition, undo_disposition
from app.services.schedule.missed_reasons import record_missed_reason
from app.services.setup.studies import create_staff, disable_staff, grant_role
from app.storage.row_changes import INSTALLATION_CHAIN, participant_chain
from app.storage.tables.audit import AuditEntry
from tests.scenarios.people import START, Person, days, staff_member
from tests.scenarios.trail_entries import verify_trail

DAY0 = date(2026, 3, 2)


def acts(installation: Installation, chain: str) -> list[str]:
    """The events of a chain, in order."""
    with installation.read() as session:
        statement = select(AuditEntry.event).where(AuditEntry.chain == chain).order_by(col(AuditEntry.seq))
        return list(session.exec(statement))


@pytest.mark.req("AUD-01", "AUD-07")
def test_every_act_of_a_participant_has_an_entry(person: Person) -> None:
    installation, participant = person.installation, person.row()
    chain = participant_chain(participant.id)
    person.randomise(DAY0, START)
    late = START + days(60)
    process_due_slots(ClockContext(installation, late), participant.id)
    nurse, investigator = person.nurse, staff_member(Role.INVESTIGATOR, person.site)
    slot = person.slot("W6").public_id
    record_missed_reason(
        StaffContext(installation, nurse, late),
        participant.id,
        slot,
        MissedReason.too_ill_staff,
        "in hospital",
    )
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, "2026-05-01", Owner.edc)
    record_disposition(
        StaffContext(installation, SYSTEM, late), person.site.study_id, person.subject, withdrawal
    )
    undo_disposition(
        StaffContext(installation, investigator, late), person.site.study_id, person.subject, "other person"
    )
    events = acts(installation, chain)
    assert events[:5] == [
        AuditEvent.PARTICIPANT_ENROLLED,
        AuditEvent.ANCHOR_RECORDED,
        AuditEvent.ACTIVATION_ISSUED,
        AuditEvent.DEVICE_BOUND,
        AuditEvent.ANCHOR_RECEIVED,
    ]
    assert {AuditEvent.SLOT_OPENED, AuditEvent.SLOT_MISSED} <= set(events[5:-3])
    assert events[-3:] == [
        AuditEvent.MISSED_REASON_RECORDED,
        AuditEvent.DISPOSITION_RECEIVED,
        AuditEvent.DISPOSITION_UNDONE,
    ]
    assert verify_trail(installation) == []


@pytest.mark.req("IAM-05")
@pytest.mark.usefixtures("site")
def test_access_changes_of_staff_have_entries(installation: Installation) -> None:
    issued = create_staff(
        StaffContext(installation, SYSTEM, START), "n@example.org", "N", "a long enough password", "en"
    )
    grant_role(StaffContext(installation, SYSTEM, START), issued.staff_id, Role.NURSE, "sbrt-nsclc", "0571")
    disable_staff(StaffContext(installation, SYSTEM, START), "n@example.org", "left the hospital")
    assert acts(installation, INSTALLATION_CHAIN) == [
        AuditEvent.STAFF_CREATED,
        AuditEvent.ROLE_GRANTED,
        AuditEvent.STAFF_DISABLED,
    ]
    with installation.read() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.chain == INSTALLATION_CHAIN)).all()
    assert "a long enough password" not in "".join(entry.changes for entry in entries)
    assert entries[-1].reason == "left the hospital"
