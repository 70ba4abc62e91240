"""A submitted form as staff read it: its answers and versions (an audited read), and its history."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.capture.answers import CollectionMode
from app.domain.capture.corrections import CorrectionOutcome
from app.domain.desk.history import find_history_subject
from app.domain.desk.matters import MatterDecision, MatterKind
from app.domain.instruments.responses import OPEN, AnswerValue
from app.domain.plans.windows import local_day
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.refusal import Refused
from app.services.capture.forms import FormDefinition, define_form
from app.services.capture.quarantine import ACCEPTED_LATE
from app.services.clinic.paper.recorded import RecordedPaper, list_paper_entries
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan_of
from app.storage.queries.corrections import (
    CorrectionRows,
    list_form_corrections,
    list_response_versions,
)
from app.storage.queries.participants import get_readable_slot
from app.storage.queries.staff import find_staff_names
from app.storage.queries.trail.participant_history import read_form_entries
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.capture import AnswerEvent, Quarantine, Response, Settlement
from app.storage.tables.participants import Device, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AnswerRevision:
    """An answer as it stood before another one replaced it, and when it was received."""

    value: AnswerValue
    at: datetime


@dataclass(frozen=True, slots=True)
class SubmittedVersion:
    """One version of a response with everything that explains it.

    `revisions` are earlier answers by item, `previous` the answers of the version before. `scores` is None
    for readers who may not see them. `device` is the browser that sent it, "" where none is known.
    """

    subject: str
    zone: str
    target_on: date | None
    definition: FormDefinition
    response: Response
    newest: int
    previous: Mapping[str, AnswerValue] | None
    revisions: Mapping[str, tuple[AnswerRevision, ...]]
    scores: Sequence[Mapping[str, object]] | None
    device: str


class FormAct(StrEnum):
    """What happened to a form, as its history lists it."""

    begun = "begun"
    drafted = "drafted"
    sent = "sent"
    paper = "paper"
    paper_decided = "paper_decided"
    late_arrival = "late_arrival"
    accepted = "accepted"
    rejected = "rejected"
    reason = "reason"
    excused = "excused"
    proposed = "proposed"
    approved = "approved"
    declined = "declined"


@dataclass(frozen=True, slots=True)
class FormEvent:
    """One line of a form's history: no answer in it. `by` is "" for the participant.

    `reason` is the code of why it was missed or is excused, or of what became of a paper form; `note` what
    was written beside it, or which sheet of paper it was. `mode` is by which means it was sent.
    """

    at: datetime
    act: FormAct
    by: str = ""
    answers: int = 0
    until: datetime | None = None
    correction: str = ""
    version: int | None = None
    reason: str = ""
    note: str = ""
    mode: str = ""


def view_submitted_form(
    context: StaffContext, participant_id: int, slot_id: str, version: int | None = None
) -> SubmittedVersion | None:
    """The answers of a submitted form, newest version first; None before it was sent.

    Every look is an entry in the participant's trail. Raises Refused("unknown_slot"), also for who may not
    see answers, and for a version that there is not.
    """
    looking = replace(context, act=None)  # to look is no part of an act whose page shows answers again
    with looking.unit_of_work() as work:
        participant = work.session.get_one(Participant, participant_id)
        slot = _readable(context, work.session, participant, slot_id)
        versions = {row.version: row for row in list_response_versions(work.session, slot.id)}
        if not context.actor.may(Permission.ANSWERS_SEE, participant.study_id, participant.site_id):
            raise Refused("unknown_slot")
        if not versions and version is None:
            return None
        chosen = max(versions) if version is None else version
        if chosen not in versions:
            raise Refused("unknown_slot")
        record_look(work, slot, chosen)
        return _describe(context, work.session, participant, slot, versions, chosen)


def record_look(work: UnitOfWork, slot: Slot, *versions: int) -> None:
    """Enter in the participant's trail which versions of their answers this reader is shown."""
    seen = [FieldChange(record_name(slot), "version", None, version) for version in versions]
    work.record(AuditEvent.ANSWERS_VIEWED, participant_chain(slot.participant_id), changes=seen)


def _describe(
    context: StaffContext,
    session: Session,
    participant: Participant,
    slot: Slot,
    versions: Mapping[int, Response],
    chosen: int,
) -> SubmittedVersion:
    response = versions[chosen]
    study = session.get_one(Study, participant.study_id)
    sees_scores = context.actor.may(Permission.SCORES_SEE, participant.study_id, participant.site_id)
    return SubmittedVersion(
        subject=participant.subject,
        zone=participant.zone,
        target_on=slot.target_on,
        definition=define_form(
            context.installation, study.code, slot, response.language, response.text_sha256
        ),
        response=response,
        newest=max(versions),
        previous=versions[chosen - 1].answers if chosen > 1 else None,
        revisions=_revisions(session, slot, versions[1].answers),
        scores=response.scores if sees_scores else None,
        device=session.get_one(Device, response.device_id).label if response.device_id else "",
    )


def list_form_events(context: StaffContext, participant_id: int, slot_id: str) -> tuple[FormEvent, ...]:
    """What happened to a form, oldest first, with author and time. Raises Refused("unknown_slot")."""
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        slot = _readable(context, session, participant, slot_id)
        corrections = list_form_corrections(session, participant_id, slot.id)
        proposed = [rows.correction.proposed_by for rows in corrections]
        decided = [rows.decision.decided_by for rows in corrections if rows.decision]
        names = find_staff_names(session, {*proposed, *decided})
        papers = list_paper_entries(session, slot)
        sees = context.actor.may(Permission.ANSWERS_SEE, participant.study_id, participant.site_id)
        events = [
            *_phone_events(session, slot, papers),
            *_drafts(session, slot, participant.zone),
            *(_paper_event(paper) for paper in papers),
            *_late_arrivals(session, slot),
            *_late_decisions(session, slot, tells_words=sees),
            *_missed_reasons(session, slot),
            *_exemptions(session, slot),
            *(event for rows in corrections for event in _correction_events(rows, names)),
        ]
    order = tuple(FormAct)
    return tuple(sorted(events, key=lambda event: (event.at, order.index(event.act))))


def _readable(context: StaffContext, session: Session, participant: Participant, slot_id: str) -> Slot:
    plan = get_plan_of(context.installation, session, participant)
    return get_readable_slot(session, context.actor, plan, participant, slot_id)


def _revisions(
    session: Session, slot: Slot, answers: Mapping[str, AnswerValue]
) -> Mapping[str, tuple[AnswerRevision, ...]]:
    """Saved answers that the participant replaced before sending."""
    saved = select(AnswerEvent).where(AnswerEvent.slot_id == slot.id)
    by_item: dict[str, list[AnswerRevision]] = defaultdict(list)
    for row in session.exec(saved.order_by(col(AnswerEvent.revision))):
        if row.value == OPEN:  # ticked in a list, and not answered yet
            continue
        by_item[row.item].append(
            AnswerRevision(row.words if row.value is None else row.value, row.received_at)
        )
    return {
        item: tuple(revisions[:-1] if item in answers else revisions)
        for item, revisions in by_item.items()
        if len(revisions) > 1
    }


def _drafts(session: Session, slot: Slot, zone: str) -> Sequence[FormEvent]:
    """Answers saved before the form was sent: one line for each day."""
    statement = select(AnswerEvent.received_at).where(
        AnswerEvent.slot_id == slot.id, ~col(AnswerEvent.client).startswith("sent:")
    )
    days: dict[object, list[datetime]] = defaultdict(list)
    for at in session.exec(statement.order_by(col(AnswerEvent.revision))):
        days[local_day(at, zone)].append(at)
    return [
        FormEvent(min(times), FormAct.drafted, answers=len(times), until=max(times))
        for times in days.values()
    ]


def _phone_events(session: Session, slot: Slot, papers: Sequence[RecordedPaper]) -> Iterator[FormEvent]:
    """That it was begun and sent by the participant; what came from paper, staff began and sent."""
    if slot.begun_at is not None and slot.begun_at not in {paper.at for paper in papers}:
        yield FormEvent(slot.begun_at, FormAct.begun)
    if slot.submitted_at is not None and not any(paper.is_response for paper in papers):
        first = select(Response).where(Response.slot_id == slot.id, Response.version == 1)
        response = session.exec(first).one()
        if not response.submission.startswith(
            ACCEPTED_LATE
        ):  # which arrived then, and was sent by a decision
            yield FormEvent(slot.submitted_at, FormAct.sent, version=1, mode=response.mode)


def _paper_event(entry: RecordedPaper) -> FormEvent:
    version = 1 if entry.is_response else None
    act = FormAct.paper_decided if entry.decides else FormAct.paper
    return FormEvent(entry.at, act, entry.by, version=version, reason=entry.outcome.value, note=entry.paper)


def _late_arrivals(session: Session, slot: Slot) -> Sequence[FormEvent]:
    """What came from a phone and was kept apart; a paper form that was has a line of its own."""
    statement = select(Quarantine.received_at).where(
        Quarantine.slot_id == slot.id, col(Quarantine.mode).is_distinct_from(CollectionMode.paper)
    )
    return [FormEvent(at, FormAct.late_arrival) for at in session.exec(statement)]


def _late_decisions(session: Session, slot: Slot, *, tells_words: bool) -> Iterator[FormEvent]:
    """What became of them; why, for those alone who may see answers (`tells_words`)."""
    apart = sa.cast(col(Quarantine.id), sa.String) == col(Settlement.ref)
    decided = (
        select(Settlement)
        .join(Quarantine, apart)
        .where(Quarantine.slot_id == slot.id, Settlement.participant_id == slot.participant_id)
        .where(Settlement.kind == MatterKind.quarantine)
    )
    rows = session.exec(decided).all()
    names = find_staff_names(session, {row.settled_by for row in rows})
    for row in rows:
        accepted = row.decision is MatterDecision.accepted
        yield FormEvent(
            row.settled_at,
            FormAct.accepted if accepted else FormAct.rejected,
            names.get(row.settled_by, row.settled_by),
            version=1 if accepted else None,
            note=row.reason if tells_words else "",
        )


def _exemptions(session: Session, slot: Slot) -> Sequence[FormEvent]:
    """That it was excused, by staff or by the EDC."""
    rows = read_form_entries(session, slot, AuditEvent.SLOT_EXCUSED)
    return [FormEvent(row.at, FormAct.excused, row.who or "EDC", reason=row.reason or "") for row in rows]


def _missed_reasons(session: Session, slot: Slot) -> Sequence[FormEvent]:
    """Why it was missed, each time that somebody said so."""
    return [
        FormEvent(
            row.at,
            FormAct.reason,
            row.who or "",
            reason=find_history_subject(AuditEvent.MISSED_REASON_RECORDED, json.loads(row.changes)).kind,
            note=row.reason or "",
        )
        for row in read_form_entries(session, slot, AuditEvent.MISSED_REASON_RECORDED)
    ]


def _correction_events(rows: CorrectionRows, names: Mapping[str, str]) -> Sequence[FormEvent]:
    correction, decision = rows.correction, rows.decision
    events = [
        FormEvent(
            correction.proposed_at,
            FormAct.proposed,
            names.get(correction.proposed_by, correction.proposed_by),
            answers=len(correction.changes),
            correction=correction.public_id,
        )
    ]
    if decision is not None:
        approved = decision.outcome is CorrectionOutcome.approved
        events.append(
            FormEvent(
                decision.decided_at,
                FormAct.approved if approved else FormAct.declined,
                names.get(decision.decided_by, decision.decided_by),
                correction=correction.public_id,
                version=decision.response_version,
            )
        )
    return events
