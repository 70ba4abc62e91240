"""Submitting a form: exactly once, scored, and in the audit trail and the feed by the same transaction."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from sqlalchemy.engine import Connection
from sqlmodel import Session, select

from app.domain.capture.arrival import Arrival
from app.domain.capture.document import content_digest
from app.domain.refusal import Refused
from app.services.accounts.participant_session import device_to_keep_alive
from app.services.capture.forms import FormDefinition, get_own_slot, read_own_form, redefine_form
from app.services.capture.quarantine import quarantine_answers
from app.services.capture.submission_builder import (
    SubmissionContext,
    SubmittedForm,
    answer_document,
    build_submission,
    by_participant,
    check_submission,
)
from app.services.core.context import ParticipantContext
from app.storage.queries.form_rows import FormRows
from app.storage.row_changes import participant_chain
from app.storage.statements.save_answers import require_written, run_holding_chain
from app.storage.statements.submit_form import Submission, submit_if_unmoved, write_submission
from app.storage.tables.capture import Response
from app.storage.tables.participants import Device
from app.storage.tables.schedule import Slot


@dataclass(frozen=True, slots=True)
class SubmissionReceipt:
    """Proof that answers are stored: its number, when they were received, and how they are marked.

    `repeated`: they were stored before. `overtaken`: something else of the participant changed between the
    first read and the write, so that what was read of other forms may be out of date.
    """

    number: str
    received_at: datetime
    out_of_window: bool
    in_grace: bool
    repeated: bool
    overtaken: bool = False


class _Received(Protocol):
    """What a receipt says of a response, whether it is a row or about to become one."""

    @property
    def public_id(self) -> str: ...
    @property
    def submitted_at(self) -> datetime: ...
    @property
    def out_of_window(self) -> bool: ...
    @property
    def in_grace(self) -> bool: ...


def submission_context(
    context: ParticipantContext, rows: FormRows, known: FormDefinition | None = None
) -> SubmissionContext:
    """Build the context of a submission from rows that were read; what the form asks may be `known` already.

    Raises Refused("no_translation").
    """
    installation, person = context.installation, rows.person
    language = person.participant.language
    definition = redefine_form(installation, person.study.code, rows.slot, language, known)
    return SubmissionContext(
        rows,
        definition,
        by_participant(
            context.participant.public_id,
            context.participant.device_id,
            handed_over=context.participant.handed_over,
        ),
        installation.app_version,
        device_to_keep_alive(context),
        installation.fact_key,
        installation.clock_watch.untrusted,
    )


def reread_submission(context: ParticipantContext, known: SubmissionContext) -> SubmissionContext:
    """Read a submission again after this request wrote something; what the form asks is not made again."""
    return submission_context(context, read_own_form(context, known.rows.slot.public_id), known.definition)


def submit_form(
    context: ParticipantContext,
    slot_id: str,
    form: SubmittedForm,
    known: SubmissionContext | None = None,
) -> SubmissionReceipt:
    """Make the answers the slot's one response, scored, audited and in the feed (idempotent).

    The same content again returns the receipt of the first time. Optimistic: the write holds only if the
    head of the participant's audit chain has not moved since it was read. After a conflict it tries
    once more, holding the head's row lock, so it cannot lose twice; so it does at once in a transaction
    that the context carries. What is `known` is not read again.

    Raises Refused: "unknown_slot", "not_yet_open", "window_closed", "not_begun", "unanswered",
    "not_reviewed", "unknown_item", "out_of_range", "wrong_kind"; "already_submitted" with the first receipt
    for other content, and "arrived_too_late" - in both cases the answers are quarantined.
    """
    receipt = None
    if context.opened is None:
        known = known or submission_context(context, read_own_form(context, slot_id))
        receipt = _submit_if_head_unmoved(context, known, form)
    definition = known.definition if known else None
    return _submit_holding_head(context, slot_id, form, definition) if receipt is None else receipt


def _submit_if_head_unmoved(
    context: ParticipantContext, known: SubmissionContext, form: SubmittedForm
) -> SubmissionReceipt | None:
    """Write without a lock; None where the head has moved, and nothing was written."""
    submission = _build_if_acceptable(known, form, context.at)
    if submission is None:
        return _first_receipt_or_quarantine(context, known, form)
    written = submit_if_unmoved(context.installation.engine, submission)
    return _receipt(submission.response, repeated=False) if written else None


def _submit_holding_head(
    context: ParticipantContext, slot_id: str, form: SubmittedForm, definition: FormDefinition | None
) -> SubmissionReceipt:
    """Submit under the row lock of the chain's head: the retry, which cannot conflict again."""

    def read_and_write(connection: Connection) -> tuple[SubmissionContext, Submission | None]:
        known = submission_context(context, read_own_form(context, slot_id, connection), definition)
        submission = _build_if_acceptable(known, form, context.at)
        if submission is not None:
            require_written(write_submission(connection, submission) or None)
        return known, submission

    chain = participant_chain(context.participant.participant_id)
    if context.opened is None:
        engine = context.installation.engine
        known, submission = run_holding_chain(engine, chain, read_and_write)
    else:
        with context.opened.hot_connection(chain) as connection:
            known, submission = read_and_write(connection)
        context.opened.reread(Slot, known.rows.slot.id)
        context.opened.reread(Device, context.participant.device_id)
    if submission is None:
        return _first_receipt_or_quarantine(context, known, form)
    return replace(_receipt(submission.response, repeated=False), overtaken=True)


def _build_if_acceptable(known: SubmissionContext, form: SubmittedForm, at: datetime) -> Submission | None:
    """What the form becomes; None where the slot has its response already, or the form came too late."""
    if known.rows.slot.submitted_at is not None:
        return None
    checked = check_submission(known, form, at)
    return None if checked.arrival is Arrival.quarantined else build_submission(known, checked, at)


def _first_receipt_or_quarantine(
    context: ParticipantContext, known: SubmissionContext, form: SubmittedForm
) -> SubmissionReceipt:
    """The first receipt for the same content; anything else is quarantined, and refused after the commit."""
    with context.unit_of_work() as work:
        work.lock(participant_chain(context.participant.participant_id))
        slot = get_own_slot(work.session, context.participant, known.rows.slot.public_id)
        if slot.submitted_at is None:
            document = answer_document(known.definition, form, form.reviewed)
            refusal = Refused("arrived_too_late", day=slot.closes_on)
        else:
            first = get_first_response(work.session, slot)
            # Compared with what was stored, which had been reviewed.
            document = answer_document(known.definition, form, reviewed=True)
            if content_digest(document) == first.content_sha256:
                return _receipt(first, repeated=True)
            refusal = Refused(
                "already_submitted", receipt=first.public_id, received=first.submitted_at, quarantined=True
            )
        quarantine_answers(
            work,
            slot,
            document,
            refusal.code,
            form.device_at,
            mode=known.submitter.mode,
            clock_untrusted=known.clock_untrusted,
        )
    raise refusal


def get_first_response(session: Session, slot: Slot) -> Response:
    """The response as it was submitted, before any correction."""
    return session.exec(select(Response).where(Response.slot_id == slot.id, Response.version == 1)).one()


def _receipt(response: _Received, repeated: bool) -> SubmissionReceipt:
    return SubmissionReceipt(
        number=response.public_id,
        received_at=response.submitted_at,
        out_of_window=response.out_of_window,
        in_grace=response.in_grace,
        repeated=repeated,
    )
