"""Sending a form: exactly once, scored and told to the EDC in the same transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from app.domain.capture.arrival import Arrival, classify_arrival
from app.domain.capture.document import complete_document, content_digest
from app.domain.capture.outbox import capture_instant
from app.domain.plans.status import Status, derive_status
from app.domain.refusal import Refused
from app.services.accounts.participant_session import build_session
from app.services.capture.forms import FormDefinition, form_definition, get_own_slot
from app.services.capture.quarantine import quarantine_answers
from app.services.capture.submission_builder import CheckedSubmission, SubmittedForm, build_submission
from app.services.core.context import ParticipantContext, ParticipantSession
from app.services.core.identifiers import token_digest
from app.services.core.installation import Installation
from app.storage.queries.slots import slot_facts, window_of_slot
from app.storage.queries.submission_context import (
    SubmissionContext,
    read_submission_by_device,
    read_submission_by_token,
)
from app.storage.row_changes import participant_chain
from app.storage.statements.connections import open_autocommit, open_transaction
from app.storage.statements.save_answers import lock_chain
from app.storage.statements.submit_form import write_submission
from app.storage.tables.capture import Response
from app.storage.tables.schedule import Slot


@dataclass(frozen=True, slots=True)
class SubmissionReceipt:
    """Proof that answers are stored: its number, when they were received, and how they are marked."""

    number: str
    received_at: datetime
    out_of_window: bool
    in_grace: bool
    repeated: bool


@dataclass(frozen=True, slots=True)
class IncomingSubmission:
    """A form that somebody is sending: who, and everything it meets, as it was read for this request."""

    participant: ParticipantSession
    met: SubmissionContext


def read_submission(
    installation: Installation, cookie: str, slot_id: str, at: datetime
) -> IncomingSubmission | None:
    """Who sends their own form with this cookie, read at once; None where cookie or slot is not known."""
    with open_autocommit(installation.engine) as connection:
        met = read_submission_by_token(connection, token_digest(cookie), slot_id)
        connection.commit()
    if met is None:
        return None
    visitor = build_session(installation, met.device, met.participant, met.site, met.study, at)
    return IncomingSubmission(visitor, met)


def submit_form(
    context: ParticipantContext,
    slot_id: str,
    sending: SubmittedForm,
    met: SubmissionContext | None = None,
) -> SubmissionReceipt:
    """Make the answers the slot's one response, scored, audited and in the feed, or return the receipt
    of the same content sent before. What was `met` in this request already is not read again.

    Raises Refused: "unknown_slot", "not_begun", "unanswered", "not_reviewed", "unknown_item",
    "out_of_range", "wrong_kind"; "already_submitted" with the first receipt for other content,
    and "arrived_too_late" - in both cases the answers are kept in quarantine.
    """
    receipt = _try_to_submit(context, slot_id, sending, met, waits=False)
    while receipt is None:
        # Whoever is overtaken once waits in line the second time, and is then overtaken no more.
        receipt = _try_to_submit(context, slot_id, sending, None, waits=True)
    return receipt


def _try_to_submit(
    context: ParticipantContext,
    slot_id: str,
    sending: SubmittedForm,
    met: SubmissionContext | None,
    *,
    waits: bool,
) -> SubmissionReceipt | None:
    """None when something else happened to this participant since it was read; not when it `waits`."""
    opened = open_transaction if waits else open_autocommit
    with opened(context.installation.engine) as connection:
        if waits:
            lock_chain(connection, participant_chain(context.participant.participant_id))
        met = met or read_submission_by_device(connection, context.participant.device_id, slot_id)
        if met is None:
            raise Refused("unknown_slot")
        asked = form_definition(context, met.slot)
        judged = None if met.slot.submitted_at is not None else _judged(asked, sending, context.at)
        if judged is not None and judged.stands is not Arrival.quarantined:
            made = build_submission(met, asked, sending, judged, context.installation.app_version, context.at)
            written = write_submission(connection, made)
            connection.commit()
            return _receipt(made.response, repeated=False) if written else None
    return _set_apart(context, asked, sending, judged)


def _judged(asked: FormDefinition, sending: SubmittedForm, at: datetime) -> CheckedSubmission:
    window, facts = window_of_slot(asked.slot), slot_facts(asked.slot)
    if window is None or derive_status(window, facts, at) in (Status.planned, Status.excused):
        raise Refused("not_yet_open")
    if asked.slot.begun_at is None:
        raise Refused("window_closed" if at >= window.closes_at else "not_begun", day=window.closes_on)
    document = complete_document(asked.instrument, sending.answers, asked.leave_out, sending.reviewed)
    return CheckedSubmission(
        document, classify_arrival(window, facts, capture_instant(sending.device_at, sending.skew), at)
    )


def _set_apart(
    context: ParticipantContext,
    asked: FormDefinition,
    sending: SubmittedForm,
    judged: CheckedSubmission | None,
) -> SubmissionReceipt:
    """What cannot become the response is kept in quarantine, and said to the sender after the commit."""
    with context.unit_of_work() as work:
        work.lock(participant_chain(context.participant.participant_id))
        slot = get_own_slot(work.session, context.participant, asked.slot.public_id)
        if slot.submitted_at is None and judged is not None:
            refusal = Refused("arrived_too_late", day=slot.closes_on)
            quarantine_answers(work, slot, judged.document, refusal.code, sending.device_at)
        else:
            first = get_first_response(work.session, slot)
            document = complete_document(asked.instrument, sending.answers, asked.leave_out, reviewed=True)
            if content_digest(document) == first.content_sha256:
                return _receipt(first, repeated=True)
            refusal = Refused("already_submitted", receipt=first.public_id, received=first.submitted_at)
            quarantine_answers(work, slot, document, refusal.code, sending.device_at)
    raise refusal


def get_first_response(session: Session, slot: Slot) -> Response:
    """What was sent to a slot, before any correction."""
    return session.exec(select(Response).where(Response.slot_id == slot.id, Response.version == 1)).one()


def _receipt(response: Response, repeated: bool) -> SubmissionReceipt:
    return SubmissionReceipt(
        number=response.public_id,
        received_at=response.submitted_at,
        out_of_window=response.out_of_window,
        in_grace=response.in_grace,
        repeated=repeated,
    )
