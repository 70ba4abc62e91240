"""Synchronising a phone's offline outbox after its form was left: each answer is validated, none dropped.

It comes as the phone stored it: events under tokens, and when Send was pressed, if it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from app.domain.capture.answers import CheckedAnswers, SubmittedAnswer, check_answers
from app.domain.capture.arrival import Arrival, classify_arrival
from app.domain.capture.outbox import checksum_matches, credible_capture, item_of_token
from app.domain.instruments.responses import OPEN, AnswerValue
from app.domain.plans.status import SlotFacts
from app.domain.plans.windows import Window
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.capture.answer_saving import AnswerBatch, save_answers
from app.services.capture.forms import (
    FormDefinition,
    form_definition,
    form_item_tokens,
    get_own_slot,
    read_own_form,
)
from app.services.capture.quarantine import quarantine_answers
from app.services.capture.submission import get_first_response, submission_context, submit_form
from app.services.capture.submission_builder import SubmittedForm, participant_mode
from app.services.core.context import ParticipantContext
from app.services.core.installation import Installation
from app.storage.queries.slots import slot_facts, window_of_slot
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import AnswerEvent, Response

_LAID_APART = ("arrived_too_late", "already_submitted")
"""Refusals of a submission whose answers were quarantined."""


class SyncOutcome(StrEnum):
    """What became of it: in the draft, the slot's response, or quarantined beside the form."""

    saved = "saved"
    submitted = "submitted"
    quarantined = "kept"


@dataclass(frozen=True, slots=True)
class OfflineBatch:
    """One outbox of a phone: its client, its events (`item` holds the token), and when Send was pressed."""

    client: str
    answers: Sequence[SubmittedAnswer]
    reviewed_at: datetime | None
    skew: int | None


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What the phone needs to know before it forgets: the outcome, whether late, and the receipt."""

    outcome: SyncOutcome
    late: bool = False
    receipt: str = ""


def accept_offline_answers(context: ParticipantContext, slot_id: str, batch: OfflineBatch) -> SyncResult:
    """Judge every event by the slot's rules (idempotent); submit the form when Send was pressed in time.

    Raises Refused: "unknown_slot", "not_begun", "unknown_item", "out_of_range", "wrong_kind".
    """
    with context.read() as session:
        slot = get_own_slot(session, context.participant, slot_id)
        known_seqs = _known_seqs(session, slot.id, batch.client)
        first = get_first_response(session, slot) if slot.submitted_at is not None else None
        session.expunge_all()
    definition = form_definition(context, slot)
    intact, altered = _read_events(context.installation, definition, batch)
    fresh = [answer for answer in intact if answer.seq not in known_seqs]
    if altered:
        _quarantine(context, slot_id, altered, "altered")
    if first is not None:
        return _after_submission(context, slot_id, first, fresh)
    window = window_of_slot(slot)
    if slot.begun_at is None or window is None:
        raise Refused("not_begun")
    in_time = [answer for answer in fresh if _is_in_time(window, slot_facts(slot), answer, context.at)]
    too_late = [answer for answer in fresh if answer not in in_time]
    if in_time:
        saved = AnswerBatch(batch.client, CheckedAnswers(in_time), late=True, definition=definition)
        save_answers(context.device, slot_id, saved)
    if too_late:
        _quarantine(context, slot_id, too_late, "arrived_too_late")
    outcome = SyncOutcome.quarantined if too_late or altered else SyncOutcome.saved
    if batch.reviewed_at is None or altered:
        return SyncResult(outcome)
    return _submit_draft(context, definition, batch, outcome)


def _known_seqs(session: Session, slot_id: int, client: str) -> frozenset[int]:
    mine = select(AnswerEvent.seq).where(AnswerEvent.slot_id == slot_id, col(AnswerEvent.client) == client)
    return frozenset(session.exec(mine))


def _read_events(
    installation: Installation, definition: FormDefinition, batch: OfflineBatch
) -> tuple[list[SubmittedAnswer], list[SubmittedAnswer]]:
    """The events with their items' codes, as the phone wrote them and (second) altered since."""
    codes = [item.code for item in definition.items]
    tokens = form_item_tokens(installation, definition.plan, definition.slot.public_id, len(codes))
    intact: list[SubmittedAnswer] = []
    altered: list[SubmittedAnswer] = []
    for event in batch.answers:
        answer = replace(event, item=item_of_token(event.item, tokens, codes))
        (intact if checksum_matches(tokens, batch.client, event.item, answer) else altered).append(answer)
    check_answers(definition.instrument, [*intact, *altered], definition.leave_out)
    return intact, altered


def _after_submission(
    context: ParticipantContext,
    slot_id: str,
    first: Response,
    fresh: Sequence[SubmittedAnswer],
) -> SyncResult:
    """The form was submitted before: answers that differ from the response are quarantined."""
    answered = [answer for answer in fresh if answer.value != OPEN]
    different = [answer for answer in answered if first.answers.get(answer.item, answer) != answer.value]
    if not different:
        return SyncResult(SyncOutcome.submitted, first.out_of_window, first.public_id)
    _quarantine(context, slot_id, different, "already_submitted")
    return SyncResult(SyncOutcome.quarantined)


def _is_in_time(window: Window, facts: SlotFacts, answer: SubmittedAnswer, at: datetime) -> bool:
    captured = credible_capture(answer.device_at, answer.skew, answer.offline)
    return classify_arrival(window, facts, captured, at) is not Arrival.quarantined


def _quarantine(
    context: ParticipantContext,
    slot_id: str,
    answers: Sequence[SubmittedAnswer],
    reason: str,
) -> None:
    event = AuditEvent.ANSWERS_ALTERED if reason == "altered" else AuditEvent.ANSWERS_QUARANTINED
    mode = participant_mode(handed_over=context.participant.handed_over)
    untrusted = context.installation.clock_watch.untrusted
    with context.unit_of_work() as work:
        work.lock(participant_chain(context.participant.participant_id))
        slot = get_own_slot(work.session, context.participant, slot_id)
        for document in _documents(answers):
            at = answers[-1].device_at
            quarantine_answers(work, slot, document, reason, at, event, mode=mode, clock_untrusted=untrusted)


def _documents(answers: Sequence[SubmittedAnswer]) -> list[dict[str, AnswerValue]]:
    """As few documents as hold every answer: an item that was answered twice stands in two of them.

    That an item was ticked or begun anew is left out where its answer follows.
    """
    documents: list[dict[str, AnswerValue]] = []
    last = {answer.item: answer for answer in answers}
    for answer in answers:
        if answer.value == OPEN and last[answer.item] is not answer:
            continue
        free = next((document for document in documents if answer.item not in document), None)
        if free is None:
            documents.append(free := {})
        free[answer.item] = answer.value
    return documents


def _submit_draft(
    context: ParticipantContext,
    definition: FormDefinition,
    batch: OfflineBatch,
    incomplete: SyncOutcome,
) -> SyncResult:
    """The draft as the response, because Send was pressed on it.

    Where the form is not complete, or takes none any more, its answers are in the draft: `incomplete`.
    """
    slot_id = definition.slot.public_id
    known = submission_context(context, read_own_form(context, slot_id), definition)
    form = SubmittedForm(
        answers=known.rows.answers,
        submission=batch.client,
        reviewed=True,
        device_at=batch.reviewed_at,
        presentation={"layout": "single"},
        skew=batch.skew,
        offline=True,
    )
    try:
        receipt = submit_form(context, slot_id, form, known)
    except Refused as refused:
        return SyncResult(SyncOutcome.quarantined if refused.code in _LAID_APART else incomplete)
    return SyncResult(SyncOutcome.submitted, receipt.out_of_window, receipt.number)
