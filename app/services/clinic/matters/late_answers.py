"""Quarantined answers: reading them, and accepting them as the response of their form."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, select

from app.domain.capture.answers import CollectionMode
from app.domain.capture.document import complete_document, content_digest
from app.domain.capture.paper import PaperOutcome
from app.domain.instruments.responses import AnswerValue, ValidAnswers, without_unasked
from app.domain.plans.status import Status
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.refusal import Refused
from app.services.capture.alerting import raise_alerts
from app.services.capture.answer_events import serialise_answer
from app.services.capture.forms import FormDefinition, define_form
from app.services.capture.quarantine import ACCEPTED_LATE
from app.services.capture.submission_builder import ResponseOrigin, build_response
from app.services.core.context import StaffContext
from app.services.schedule.slot_publication import publish_acts_of
from app.storage.plain_rows import SlotRecord
from app.storage.queries.participant_answers import read_drafts
from app.storage.queries.slots import slot_facts, slot_status
from app.storage.queries.trail.participant_history import read_language_at
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.capture import PaperEntry, Quarantine, Response
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study
from app.storage.unit_of_work import UnitOfWork


class Obstacle(StrEnum):
    """Why quarantined answers cannot become the response of their form."""

    already_sent = "already_sent"
    still_open = "still_open"
    not_expected = "not_expected"
    after_leaving = "after_leaving"
    incomplete = "incomplete"


@dataclass(frozen=True, slots=True)
class LateAnswers:
    """Quarantined answers, and the form as it would be with them over what was saved in time.

    `document` are all its answers; with the `obstacle` "incomplete" those that there are. `paper` is the
    sheet from which staff entered them, if they came on paper.
    """

    quarantine: Quarantine
    paper: PaperEntry | None
    slot: Slot
    definition: FormDefinition
    saved: Mapping[str, AnswerValue]
    document: Mapping[str, AnswerValue]
    obstacle: Obstacle | None

    def without_answers(self) -> "LateAnswers":
        """For a reader who may not see answers: which form it is, and whether they could be accepted."""
        blank = Quarantine(**{**self.quarantine.model_dump(), "answers": {}})
        return replace(self, quarantine=blank, saved={}, document={})


def read_late_answers(
    context: StaffContext, session: Session, participant: Participant, quarantine_id: int
) -> LateAnswers:
    """The answers of this quarantine as they are judged now. Raises Refused as `define_form`."""
    quarantine = session.get_one(Quarantine, quarantine_id)
    slot = session.get_one(Slot, quarantine.slot_id)
    study = session.get_one(Study, participant.study_id)
    language = read_language_at(session, participant, quarantine.received_at)
    definition = define_form(context.installation, study.code, slot, language)
    saved = read_drafts(session, [slot_key := slot.id])[slot_key].answers
    instrument, leave_out = definition.instrument, definition.leave_out
    merged = ValidAnswers(without_unasked(instrument, {**saved, **quarantine.answers}, leave_out))
    paper = _find_sheet(session, quarantine)
    obstacle = _find_obstacle(slot, quarantine, context.at)
    document = merged
    try:
        document = complete_document(instrument, merged, leave_out, reviewed=True)
    except Refused:
        obstacle = obstacle or Obstacle.incomplete
    return LateAnswers(quarantine, paper, slot, definition, saved, document, obstacle)


def fingerprint_answers(context: StaffContext, late: LateAnswers) -> str:
    """What a page carries, so that exactly those answers are accepted that it showed."""
    return context.installation.secret_box.keyed_fingerprint(content_digest(late.document), "late answers")


def accept_late_answers(
    context: StaffContext, work: UnitOfWork, participant: Participant, late: LateAnswers, reason: str
) -> None:
    """Accept quarantined answers as the form's response, scored and out of its window; the EDC is told.

    It counts as sent when the answers arrived, in the participant's language of then, and says by which means
    they were given; what came on paper says who entered it. Raises Refused("not_acceptable") naming the
    obstacle.
    """
    if late.obstacle is not None:
        raise Refused("not_acceptable", field="decision", obstacle=late.obstacle.value)
    slot, origin = late.slot, _describe_origin(context, late)
    if late.paper is not None:
        slot.helped_by, slot.late_reason = late.paper.helped_by, late.paper.late_reason
    slot.submitted_at, slot.out_of_window = origin.submitted_at, True
    slot.missed_reason, slot.missed_note = None, None
    record = SlotRecord(**{name: getattr(slot, name) for name in SlotRecord._fields})
    document = ValidAnswers(dict(late.document))
    response = build_response(late.definition, record, origin, version=1, answers=document)
    work.session.add(Response(**response._asdict()))
    changes = [FieldChange(record_name(slot), "quarantine", None, late.quarantine.id), *_answer_changes(late)]
    chain = participant_chain(participant.id)
    work.record(AuditEvent.ANSWERS_ACCEPTED, chain, reason=reason, changes=changes)
    raise_alerts(work, late.definition.plan, slot, response)
    publish_acts_of(context.installation, work, participant.id)


def _describe_origin(context: StaffContext, late: LateAnswers) -> ResponseOrigin:
    quarantine, paper = late.quarantine, late.paper
    origin = ResponseOrigin(
        submission=f"{ACCEPTED_LATE}{quarantine.id}",
        language=late.definition.text.lang,
        presentation={},
        app_version=context.installation.app_version,
        out_of_window=True,
        in_grace=False,
        submitted_at=quarantine.received_at,
        device_at=quarantine.device_at,
        clock_untrusted=quarantine.clock_untrusted,
        mode=quarantine.mode or CollectionMode.own_device,
    )
    if paper is None:
        return origin
    return replace(
        origin,
        originator=paper.entered_by,
        mode=CollectionMode.paper,
        collected_on=paper.collected_on,
        presentation={"layout": "paper"},
    )


def _find_sheet(session: Session, quarantine: Quarantine) -> PaperEntry | None:
    """The paper entry with which these answers were laid apart."""
    statement = select(PaperEntry).where(
        PaperEntry.slot_id == quarantine.slot_id,
        PaperEntry.outcome == PaperOutcome.kept_apart,
        PaperEntry.entered_at == quarantine.received_at,
    )
    return session.exec(statement).first()


def _find_obstacle(slot: Slot, quarantine: Quarantine, at: datetime) -> Obstacle | None:
    status, exit_ = slot_status(slot, at), slot_facts(slot).exit
    answered_at = min(quarantine.device_at or quarantine.received_at, quarantine.received_at)
    if status is Status.submitted:
        return Obstacle.already_sent
    if status in (Status.not_expected, Status.excused):
        return Obstacle.not_expected
    if exit_ is not None and answered_at >= exit_.at:
        return Obstacle.after_leaving
    return None if status is Status.missed else Obstacle.still_open


def _answer_changes(late: LateAnswers) -> list[FieldChange]:
    record, salt = f"answer:{late.slot.visit}/{late.slot.instrument}", f"quarantine:{late.quarantine.id}"
    return [
        FieldChange(
            record,
            code,
            serialise_answer(late.saved[code], salt) if code in late.saved else None,
            serialise_answer(value, salt),
        )
        for code, value in late.document.items()
        if code not in late.saved or late.saved[code] != value
    ]
