"""The rows of drawn participants, as the use cases would have left them."""

import itertools

from app.domain.plans.status import ExitKind
from app.domain.records.audit import AuditEvent
from app.domain.records.participants import TeamRequestKind
from app.domain.today.contacts import join_reasons
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import Alert, AnswerEvent
from app.storage.tables.messages import Message
from app.storage.tables.participants import Contact, Participant, Snooze, TeamRequest
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from app.storage.unit_of_work import UnitOfWork
from tests.scenarios.drawn_work import NOW, DrawnForm, DrawnPerson
from tests.storage.trial import a_participant, a_slot

NUMBER = itertools.count(1)
EVENTS = (
    AuditEvent.PARTICIPANT_ENROLLED,
    AuditEvent.ANCHOR_RECORDED,
    AuditEvent.CALL_REQUESTED,
    AuditEvent.REMINDER_FAILED,
    AuditEvent.ANSWER_SAVED,
    AuditEvent.WORK_SNOOZED,
    AuditEvent.ALERT_RAISED,
)
"""What covers all these rows in the audit trail."""


def store_participant(work: UnitOfWork, site: Site, drawn: DrawnPerson) -> int:
    """Store the participant; their key."""
    row = a_participant(work, site.study_id, site.id, f"{site.code}-{next(NUMBER)}")
    key, chain = row.id, participant_chain(row.id)
    row.enrolled_at = drawn.enrolled_at
    row.consent_version = "1" if drawn.consented else None
    row.activated_at = drawn.enrolled_at if drawn.activated else None
    row.exit_kind = ExitKind.withdrew_study if drawn.exited else None
    _keep_contacts(work, row, drawn)
    slots = [_slot(row, number, form) for number, form in enumerate(drawn.forms)]
    work.session.add_all(slots)
    _keep_messages(work, row, drawn)
    _keep_alerts(work, row, drawn)
    work.session.flush()
    for slot, form in zip(slots, drawn.forms, strict=True):
        work.session.add_all(_answers(slot, form))
    for event in EVENTS:
        work.record(event, chain)
    return key


def _keep_contacts(work: UnitOfWork, row: Participant, drawn: DrawnPerson) -> None:
    for requested_at, is_open in drawn.calls:
        closed_at = None if is_open else requested_at
        work.session.add(
            TeamRequest(
                participant_id=row.id, kind=TeamRequestKind.call, asked_at=requested_at, closed_at=closed_at
            )
        )
    if drawn.address_at is not None:
        work.session.add(
            Contact(participant_id=row.id, channel="email", address_sealed="x", recorded_at=drawn.address_at)
        )
    work.session.add(
        Snooze(
            participant_id=row.id,
            reasons=join_reasons(drawn.snoozed),
            until_at=drawn.snoozed_until,
            reason="x",
            recorded_at=drawn.snoozed_at,
            recorded_by="x",
        )
    )


def _slot(row: Participant, number: int, form: DrawnForm) -> Slot:
    slot = a_slot(row, f"{form.phase or 'V'}{number}", form.window)
    slot.public_id = f"s{next(NUMBER)}"
    slot.begun_at, slot.for_day, slot.arm_revealing = form.begun_at, form.for_day, form.revealing
    slot.instrument = "symptom-diary" if form.phase else "qlq-c30"
    slot.instrument_version = "1.0" if form.phase else "3.0"
    slot.position, slot.exit_kind = number, row.exit_kind
    slot.submitted_at = NOW if form.submitted else None
    slot.excused = "no_translation" if form.excused else None
    slot.out_of_plan = form.out_of_plan
    slot.missed_reason = "unknown" if form.explained else None
    return slot


def _answers(slot: Slot, form: DrawnForm) -> list[AnswerEvent]:
    return [
        AnswerEvent(
            slot_id=slot.id,
            revision=number,
            client="c",
            seq=number,
            base=number - 1,
            item=f"q{number}",
            value=1,
            language="en",
            text_sha256="0" * 64,
            received_at=at,
        )
        for number, at in enumerate(form.answers, 1)
    ]


def _keep_messages(work: UnitOfWork, row: Participant, drawn: DrawnPerson) -> None:
    if not drawn.messages:
        return
    about = a_slot(row, "M", None)
    about.public_id = f"s{next(NUMBER)}"
    work.session.add(about)
    work.session.flush()
    for number, (state, failure, settled_at) in enumerate(drawn.messages):
        work.session.add(
            Message(
                slot_id=about.id,
                participant_id=row.id,
                window_version=0,
                kind=f"k{number}",
                state=state,
                channel="email",
                key=f"m{next(NUMBER)}",
                lease_until=NOW,
                queued_at=NOW,
                settled_at=settled_at,
                failure=failure,
            )
        )


def _keep_alerts(work: UnitOfWork, row: Participant, drawn: DrawnPerson) -> None:
    if not drawn.alerts:
        return
    about = a_slot(row, "A", None)
    about.public_id, about.position = f"s{next(NUMBER)}", -1
    work.session.add(about)
    work.session.flush()
    for number, (raised_at, is_open) in enumerate(drawn.alerts):
        work.session.add(
            Alert(
                public_id=f"a{next(NUMBER)}",
                participant_id=row.id,
                study_id=row.study_id,
                slot_id=about.id,
                rule=f"r{number}",
                response_version=1,
                raised_at=raised_at,
                closed_at=None if is_open else raised_at,
            )
        )
