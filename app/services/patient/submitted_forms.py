"""A participant's own forms as they were submitted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from app.domain.capture.answers import CollectionMode
from app.domain.instruments.definition import Instrument
from app.domain.instruments.responses import AnswerValue, urgent_items
from app.domain.instruments.text import InstrumentText
from app.domain.plans.occasions import FormOccasion
from app.domain.plans.windows import local_day
from app.domain.refusal import Refused
from app.services.capture.forms import FormDefinition, form_definition
from app.services.capture.quarantine import ACCEPTED_LATE
from app.services.capture.submission import SubmissionReceipt
from app.services.capture.submission_builder import SubmissionContext
from app.services.core.context import ParticipantContext, ParticipantSession
from app.storage.tables.capture import Response
from app.storage.tables.participants import Device
from app.storage.tables.schedule import Slot


@dataclass(frozen=True, slots=True)
class SubmittedFormSummary:
    """A form that was sent: which, when, how its receipt reads, and whether its answers may be read.

    `urgent`: what was sent holds an answer of that day which means "call now". `mode` is by which means it
    was filled in, `device_id` the browser from which it was sent, where that is known.
    """

    slot: str
    slot_key: int
    name: str
    occasion: FormOccasion
    submitted_at: datetime
    receipt: str
    late: bool
    readable: bool
    urgent: bool
    mode: str
    device_id: int | None


def find_sending_device(context: ParticipantContext, form: SubmittedFormSummary) -> tuple[str, str]:
    """From where a form was sent: "here", "other" with the browser's label, else by which means; or "".

    Of a form that was sent before the browser was noted it is not known.
    """
    if form.mode != CollectionMode.own_device:
        return form.mode, ""
    if form.device_id is None or form.device_id == context.participant.device_id:
        return ("here" if form.device_id else ""), ""
    with context.read() as session:
        return "other", session.get_one(Device, form.device_id).label


def list_submitted_forms(context: ParticipantContext) -> tuple[SubmittedFormSummary, ...]:
    """Everything this participant sent, newest first; never the answers."""
    with context.read() as session:
        rows = session.exec(_submitted(context.participant).order_by(col(Response.submitted_at).desc())).all()
    return tuple(_summarise(context, slot, response) for slot, response in rows)


def get_submitted_form(context: ParticipantContext, slot_id: str) -> SubmittedFormSummary:
    """One's own form as it was sent. Raises Refused("unknown_slot") for any other, and before sending."""
    with context.read() as session:
        row = session.exec(
            _submitted(context.participant).where(col(Slot.public_id) == slot_id)
        ).one_or_none()
    if row is None:
        raise Refused("unknown_slot")
    return _summarise(context, *row)


def summarise_submission(
    known: SubmissionContext, receipt: SubmissionReceipt, answers: Mapping[str, AnswerValue]
) -> SubmittedFormSummary:
    """A sent form whose receipt and answers are at hand, without reading it again."""
    slot, definition = known.rows.slot, known.definition
    return SubmittedFormSummary(
        slot=slot.public_id,
        slot_key=slot.id,
        name=definition.name,
        occasion=definition.occasion,
        submitted_at=receipt.received_at,
        receipt=receipt.number,
        late=receipt.out_of_window,
        readable=definition.plan.shows_answers,
        urgent=has_urgent_answers(definition, answers),
        mode=known.submitter.mode,
        device_id=known.submitter.device_id,
    )


@dataclass(frozen=True, slots=True)
class SubmittedAnswers:
    """A form as it was sent: its words in the language it was answered in, and the answers that count."""

    form: SubmittedFormSummary
    instrument: Instrument
    text: InstrumentText
    answers: Mapping[str, AnswerValue]


def get_submitted_answers(context: ParticipantContext, slot_id: str) -> SubmittedAnswers:
    """One's own answers, to read; never scores.

    Raises Refused("unknown_slot") unless the plan shows participants what they sent.
    """
    with context.read() as session:
        row = session.exec(
            _submitted(context.participant).where(col(Slot.public_id) == slot_id)
        ).one_or_none()
        latest = _latest(session, row[0].id) if row else None
    if row is None or latest is None or not (form := _summarise(context, *row)).readable:
        raise Refused("unknown_slot")
    slot = row[0]
    instrument = context.installation.library.get_instrument(slot.instrument, slot.instrument_version)
    text = context.installation.get_text(
        context.participant.study, instrument, latest.language, slot.begun_at, latest.text_sha256
    )
    return SubmittedAnswers(form, instrument, text, latest.answers)


def _latest(session: Session, slot_key: int | None) -> Response | None:
    versions = select(Response).where(Response.slot_id == slot_key).order_by(col(Response.version).desc())
    return session.exec(versions.limit(1)).first()


def _submitted(participant: ParticipantSession) -> Select[Slot, Response]:
    return (
        select(Slot, Response)
        .join(Response, col(Response.slot_id) == col(Slot.id))
        .where(col(Slot.participant_id) == participant.participant_id, col(Response.version) == 1)
    )


def _summarise(context: ParticipantContext, slot: Slot, response: Response) -> SubmittedFormSummary:
    definition = form_definition(context, slot)
    return SubmittedFormSummary(
        slot=slot.public_id,
        slot_key=slot.id,
        name=definition.name,
        occasion=definition.occasion,
        submitted_at=response.submitted_at,
        receipt=response.public_id,
        late=response.out_of_window,
        readable=definition.plan.shows_answers,
        urgent=is_of_its_day(context, response) and has_urgent_answers(definition, response.answers),
        mode=response.mode,
        device_id=response.device_id,
    )


def is_of_its_day(context: ParticipantContext, response: Response) -> bool:
    """Whether its answers came on that day; paper may be entered, late answers accepted, long after."""
    submitted_on = local_day(response.submitted_at, context.participant.zone)
    return response.collected_on in (None, submitted_on) and not response.submission.startswith(ACCEPTED_LATE)


def has_urgent_answers(definition: FormDefinition, answers: Mapping[str, AnswerValue]) -> bool:
    """Whether instrument or plan call one of these answers urgent."""
    return bool(urgent_items(definition.instrument, answers, definition.marks))
