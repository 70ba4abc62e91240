"""What a phone still held when its form was not on the screen any more: judged, and never dropped.

It comes as the phone kept it: events under signs, and when Send was pressed, if it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from app.domain.capture.answers import SubmittedAnswer, check_answers
from app.domain.capture.arrival import Arrival, classify_arrival
from app.domain.capture.outbox import capture_instant, checksum_matches, item_of_token
from app.domain.instruments.responses import AnswerValue
from app.domain.plans.status import SlotFacts
from app.domain.plans.windows import Window
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.capture.answer_saving import save_answers
from app.services.capture.forms import FormDefinition, form_definition, form_item_tokens, get_own_slot
from app.services.capture.quarantine import quarantine_answers
from app.services.capture.submission import SubmissionReceipt, get_first_response, submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import ParticipantContext
from app.services.core.installation import Installation
from app.storage.queries.slots import slot_facts, window_of_slot
from app.storage.row_changes import participant_chain
from app.storage.statements.save_answers import read_draft
from app.storage.tables.capture import AnswerEvent, Response
from app.storage.tables.columns import key_of


class SyncOutcome(StrEnum):
    """What became of it: in the draft, the slot's response, or kept beside the form."""

    saved = "saved"
    submitted = "submitted"
    kept = "kept"


@dataclass(frozen=True, slots=True)
class OfflineBatch:
    """One box of a phone: its client, its events (`item` holds the sign), and when Send was pressed."""

    client: str
    given: Sequence[SubmittedAnswer]
    reviewed_at: datetime | None
    skew: int | None


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What the phone is told, so that it may forget: the fate, whether late, and the receipt."""

    fate: SyncOutcome
    late: bool = False
    receipt: str = ""


def accept_offline_answers(
    context: ParticipantContext,
    cookie: str,
    slot_id: str,
    left: OfflineBatch,
) -> SyncResult:
    """Judge every event by the slot's rules; send the form when that was asked for and may still be.

    Told again, it is not stored again. Raises Refused: "unknown_slot", "not_begun", "unknown_item",
    "out_of_range", "wrong_kind".
    """
    with context.read() as session:
        slot = get_own_slot(session, context.participant, slot_id)
        known = _known(session, key_of(slot), left.client)
        first = get_first_response(session, slot) if slot.submitted_at is not None else None
        session.expunge_all()
    asked = form_definition(context, slot)
    given, altered = _read(context.installation, asked, left)
    fresh = [answer for answer in given if answer.seq not in known]
    if altered:
        _keep_apart(context, slot_id, altered, "altered")
    if first is not None:
        return _after(context, slot_id, first, fresh)
    window = window_of_slot(slot)
    if slot.begun_at is None or window is None:
        raise Refused("not_begun")
    good = [answer for answer in fresh if _in_time(window, slot_facts(slot), answer, context.at)]
    apart = [answer for answer in fresh if answer not in good]
    if good:
        save_answers(context.installation, cookie, slot_id, left.client, good, context.at, late=True)
    if apart:
        _keep_apart(context, slot_id, apart, "arrived_too_late")
    fate = SyncOutcome.kept if apart or altered else SyncOutcome.saved
    if left.reviewed_at is None or altered:
        return SyncResult(fate)
    return _sent(context, slot_id, left, fate)


def _known(session: Session, slot_id: int, client: str) -> frozenset[int]:
    mine = select(AnswerEvent.seq).where(AnswerEvent.slot_id == slot_id, col(AnswerEvent.client) == client)
    return frozenset(session.exec(mine))


def _read(
    installation: Installation, asked: FormDefinition, left: OfflineBatch
) -> tuple[list[SubmittedAnswer], list[SubmittedAnswer]]:
    """The events with their items' codes, as the phone wrote them and (second) altered since."""
    codes = [item.code for item in asked.items]
    of_form = form_item_tokens(installation, asked.plan, asked.slot.public_id, len(codes))
    whole: list[SubmittedAnswer] = []
    altered: list[SubmittedAnswer] = []
    for told in left.given:
        answer = replace(told, item=item_of_token(told.item, of_form, codes))
        (whole if checksum_matches(of_form, left.client, told.item, answer) else altered).append(answer)
    check_answers(asked.instrument, [*whole, *altered], asked.leave_out)
    return whole, altered


def _after(
    context: ParticipantContext,
    slot_id: str,
    first: Response,
    fresh: Sequence[SubmittedAnswer],
) -> SyncResult:
    """The form was sent before: what says something else than the response is kept beside it."""
    other = [answer for answer in fresh if first.answers.get(answer.item, answer) != answer.value]
    if not other:
        return SyncResult(SyncOutcome.submitted, first.out_of_window, first.public_id)
    _keep_apart(context, slot_id, other, "already_submitted")
    return SyncResult(SyncOutcome.kept)


def _in_time(window: Window, facts: SlotFacts, answer: SubmittedAnswer, at: datetime) -> bool:
    captured = capture_instant(answer.device_at, answer.skew)
    return classify_arrival(window, facts, captured, at) is not Arrival.quarantined


def _keep_apart(
    context: ParticipantContext,
    slot_id: str,
    given: Sequence[SubmittedAnswer],
    reason: str,
) -> None:
    event = AuditEvent.ANSWERS_ALTERED if reason == "altered" else AuditEvent.ANSWERS_QUARANTINED
    with context.unit_of_work() as work:
        work.lock(participant_chain(context.participant.participant_id))
        slot = get_own_slot(work.session, context.participant, slot_id)
        for answers in _layers(given):
            quarantine_answers(work, slot, answers, reason, given[-1].device_at, event)


def _layers(given: Sequence[SubmittedAnswer]) -> list[dict[str, AnswerValue]]:
    """As few documents as hold every answer: an item that was answered twice stands in two of them."""
    layers: list[dict[str, AnswerValue]] = []
    for answer in given:
        free = next((layer for layer in layers if answer.item not in layer), None)
        if free is None:
            layers.append(free := {})
        free[answer.item] = answer.value
    return layers


def _sent(
    context: ParticipantContext,
    slot_id: str,
    left: OfflineBatch,
    unsent: SyncOutcome,
) -> SyncResult:
    """The draft as the response, because Send was pressed on it; what is missing leaves it `unsent`."""
    with context.read() as session:
        slot = get_own_slot(session, context.participant, slot_id)
        draft = read_draft(session.connection(), key_of(slot))
    sending = SubmittedForm(
        answers={item: answer.told for item, answer in draft.items()},
        submission=left.client,
        reviewed=True,
        device_at=left.reviewed_at,
        presentation={"layout": "single"},
        skew=left.skew,
        offline=True,
    )
    try:
        receipt: SubmissionReceipt = submit_form(context, slot_id, sending)
    except Refused as refused:
        fates = {
            "unanswered": unsent,
            "arrived_too_late": SyncOutcome.kept,
            "already_submitted": SyncOutcome.kept,
        }
        return SyncResult(fates[refused.code])
    return SyncResult(SyncOutcome.submitted, receipt.out_of_window, receipt.number)
