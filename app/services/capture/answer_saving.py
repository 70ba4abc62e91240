"""Autosave: each answer is stored as soon as it is given, with one read and one write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.domain.capture.answers import (
    CheckedAnswers,
    SubmittedAnswer,
    check_answers,
    find_bases,
    validate_answers,
)
from app.domain.capture.arrival import check_open
from app.domain.capture.outbox import checksum_matches, is_gapless
from app.domain.instruments.responses import AnswerValue
from app.domain.instruments.text import InstrumentText
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.accounts.participant_session import is_idle, is_keep_alive_due
from app.services.capture.answer_events import (
    AnswerSource,
    answer_changes,
    answer_columns,
    answer_rows,
    clock_changes,
    name_answers,
)
from app.services.capture.forms import (
    FormDefinition,
    OpenForm,
    form_item_tokens,
    get_form_definition,
    open_read_form,
    read_own_form,
    redefine_form,
)
from app.services.core.context import DeviceContext, ParticipantContext, participant_actor
from app.services.core.installation import Installation
from app.storage.audit import LinkedEntry, build_entry
from app.storage.proof.row_facts import new_row_facts
from app.storage.queries.slots import slot_facts, window_of_slot
from app.storage.row_changes import participant_chain
from app.storage.statements.save_answers import (
    ArrivingAnswers,
    AuditedAnswers,
    NothingToSaveInto,
    save_holding_head,
    save_if_unmoved,
)
from app.storage.statements.saving_context import SavingContext


@dataclass(frozen=True, slots=True)
class AnswerBatch:
    """A batch of answers to save, numbered by the page that counts them as `client`.

    `late`: they were judged to be unaltered and captured in time, so that the form may be closed.
    `definition` is what the form asks, where this request has made it already.
    """

    client: str
    answers: Sequence[SubmittedAnswer]
    late: bool = False
    definition: FormDefinition | None = None


def save_answers(context: DeviceContext, slot_id: str, batch: AnswerBatch) -> int:
    """Store answers one by one, append-only and audited (idempotent); return the form's revision.

    The browser is authenticated by the statement that reads the form. Optimistic: the write holds only if the
    head of the participant's audit chain has not moved since then. After a conflict it tries once more,
    holding the head's row lock, so it cannot lose twice. Events of this client that are stored already are
    skipped; a gap in its numbers is told by the trail. Raises Refused: "not_signed_in", "locked",
    "not_begun", "unknown_item", "out_of_range", "wrong_kind", "altered_answer", or as `open_form`.
    """
    engine = context.installation.engine
    arriving = ArrivingAnswers(context.token_digest, slot_id, batch.client, batch.answers)

    def judge(read: SavingContext) -> AuditedAnswers | None:
        nonlocal batch
        batch, audited = _judge(context, batch, read)
        return audited

    try:
        revision = save_if_unmoved(engine, arriving, judge)
        return save_holding_head(engine, arriving, judge) if revision is None else revision
    except NothingToSaveInto as error:
        raise Refused("unknown_slot" if error.device_bound else "not_signed_in") from error


def save_draft(
    context: ParticipantContext, form: OpenForm, answers: Mapping[str, AnswerValue], base: int
) -> OpenForm:
    """Store those answers of a whole page that differ from the draft; return the form with them.

    `base` is the revision that the page rested on. Raises as `validate_answers`, `save_answers` and
    `open_form`.
    """
    valid, slot = validate_answers(form.instrument, answers, form.leave_out), form.slot.public_id
    changed = [
        item for item, value in valid.items() if item not in form.answers or form.answers[item] != value
    ]
    if not changed:
        return form
    events = CheckedAnswers(
        SubmittedAnswer(seq, base, item, valid[item]) for seq, item in enumerate(changed, start=1)
    )
    save_answers(context.device, slot, AnswerBatch(form.client, events, definition=form))
    return open_read_form(context, read_own_form(context, slot), form)


def record_altered_answers(context: ParticipantContext, slot_id: str) -> None:
    """Put into the trail that a record was changed on the phone after it was written (OFF-02)."""
    get_form_definition(context, slot_id)
    with context.unit_of_work() as work:
        work.record(AuditEvent.ANSWERS_ALTERED, participant_chain(context.participant.participant_id))


def _judge(
    context: DeviceContext, batch: AnswerBatch, read: SavingContext
) -> tuple[AnswerBatch, AuditedAnswers | None]:
    """The batch as it is checked by now, and what of it is stored; None where everything is already."""
    installation = context.installation
    plan = installation.library.get_plan(read.study, read.slot.plan_version)
    _check_takes_answers(read, batch, context.at, plan.idle_minutes)
    unsaved = [answer for answer in batch.answers if answer.seq not in read.known_seqs]
    if not unsaved:
        return batch, None
    definition = redefine_form(installation, read.study, read.slot, read.language, batch.definition)
    answers = check_answers(definition.instrument, batch.answers, definition.leave_out)
    if not batch.late and any(answer.offline for answer in answers):
        _check_unaltered(installation, definition, batch)
    gapless = is_gapless([answer.seq for answer in batch.answers], frozenset(read.known_seqs))
    event = AuditEvent.ANSWER_SAVED if gapless else AuditEvent.ANSWERS_AFTER_GAP
    entry, rows = _entry_and_rows(context, read, batch.client, unsaved, definition.text, event)
    seen_device = read.device_id if is_keep_alive_due(read.seen_at, context.at) else None
    checked = replace(batch, answers=answers, definition=definition)
    return checked, AuditedAnswers(entry, rows, seen_device)


def _check_takes_answers(read: SavingContext, batch: AnswerBatch, at: datetime, idle_minutes: int) -> None:
    """Who is here, and whether the form takes answers; late ones only ask that nothing was submitted yet."""
    if batch.late:
        if read.slot.submitted_at is not None:
            raise Refused("already_submitted")
        return
    if read.locked_at is not None or is_idle(read.seen_at, at, idle_minutes):
        raise Refused("locked")
    check_open(window_of_slot(read.slot), slot_facts(read.slot), at)
    if read.slot.begun_at is None:
        raise Refused("not_begun")


def _check_unaltered(installation: Installation, definition: FormDefinition, batch: AnswerBatch) -> None:
    codes = [item.code for item in definition.items]
    tokens = form_item_tokens(installation, definition.plan, definition.slot.public_id, len(codes))
    for answer in batch.answers:
        token = tokens[codes.index(answer.item)] if tokens else answer.item
        if not checksum_matches(tokens, batch.client, token, answer):
            raise Refused("altered_answer", item=answer.item)


def _entry_and_rows(
    context: DeviceContext,
    read: SavingContext,
    client: str,
    unsaved: Sequence[SubmittedAnswer],
    text: InstrumentText,
    event: AuditEvent,
) -> tuple[LinkedEntry, list[dict[str, Any]]]:
    """The audit entry and the rows for these answers, numbered on from what was read."""
    at, untrusted, rows = context.at, context.installation.clock_watch.untrusted, list[dict[str, Any]]()
    bases = find_bases(unsaved, read.revision, read.aware)
    for number, (answer, base) in enumerate(zip(unsaved, bases, strict=True), start=read.revision):
        source = AnswerSource(answer.device_at, answer.skew, answer.offline)
        shared = answer_columns(read.slot.id, client, source, text, at, untrusted)
        rows += answer_rows(shared, number, [(answer.seq, base, answer.item, answer.value)])
    unsaved_answers = [(answer.item, answer.value) for answer in unsaved]
    changes = clock_changes(untrusted)
    changes += answer_changes(name_answers(read.slot), client, unsaved_answers, read.earlier)
    actor = participant_actor(read.participant)
    fact_key = context.installation.fact_key
    facts = new_row_facts(fact_key, "answer_event", rows)
    return build_entry(read.head, event, actor, at, changes, facts=facts), rows
