"""Saving each answer as it is given: one read, one write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.domain.capture.answers import SubmittedAnswer, check_answers
from app.domain.capture.arrival import check_open
from app.domain.capture.outbox import checksum_matches, is_gapless
from app.domain.instruments.responses import AnswerValue
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.capture.answer_events import answer_change, answer_row
from app.services.capture.forms import OpenForm, form_item_tokens, get_form_definition, open_form
from app.services.core.context import ParticipantContext, participant_actor
from app.services.core.identifiers import token_digest
from app.services.core.installation import Installation
from app.services.core.plans import items_left_out
from app.storage.audit import AuditedEntry, build_entry
from app.storage.queries.slots import slot_facts, window_of_slot
from app.storage.row_changes import participant_chain
from app.storage.statements.connections import open_autocommit, open_transaction
from app.storage.statements.save_answers import (
    is_device_bound,
    lock_chain_of_device,
    read_slot_for_saving,
    slot_of,
    write_answers,
    write_device_seen,
)
from app.storage.tables.schedule import Slot

_SEEN_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class AnswerBatch:
    """Answers on their way to a form. `late`: they were judged already, so that the form may be closed."""

    token_hash: str
    slot: str
    client: str
    given: Sequence[SubmittedAnswer]
    at: datetime
    late: bool = False


def save_answers(
    installation: Installation,
    cookie: str,
    slot_id: str,
    client: str,
    given: Sequence[SubmittedAnswer],
    at: datetime,
    late: bool = False,
) -> int:
    """Store answers as they are given, append-only and audited, and return the form's revision.

    Events that this client sent before are not stored again; a gap in its numbers is told by the trail.
    `late` ones were judged to have been captured in time. Raises Refused: "not_signed_in", "locked",
    "not_begun", "unknown_item", "out_of_range", "wrong_kind", "altered_answer", or as `open_form`.
    """
    return _save(
        installation, AnswerBatch(token_digest(cookie), slot_id, client, given, at, late), waits=False
    )


def save_draft(
    context: ParticipantContext,
    cookie: str,
    slot_id: str,
    answers: Mapping[str, AnswerValue],
    base: int,
) -> OpenForm:
    """Store those answers of a whole page that differ from the draft, and return the form with them.

    `base` is the revision that the page was made from. Raises as `open_form` and `save_answers`.
    """
    form = open_form(context, slot_id)
    changed = [
        item for item, value in answers.items() if item not in form.answers or form.answers[item] != value
    ]
    if not changed:
        return form
    given = [SubmittedAnswer(seq, base, item, answers[item]) for seq, item in enumerate(changed, start=1)]
    save_answers(context.installation, cookie, slot_id, form.client, given, context.at)
    return open_form(context, slot_id)


def record_altered_answers(context: ParticipantContext, slot_id: str) -> None:
    """Put into the trail that a record was changed on the phone after it was written (OFF-02)."""
    get_form_definition(context, slot_id)
    with context.unit_of_work() as work:
        work.record(AuditEvent.ANSWERS_ALTERED, participant_chain(context.participant.participant_id))


def _save(installation: Installation, saved: AnswerBatch, *, waits: bool) -> int:
    """Whoever is overtaken once waits in line the second time, and is then overtaken no more."""
    # One answer is written by one statement; several need a transaction around theirs.
    opened = open_autocommit if len(saved.given) == 1 and not waits else open_transaction
    with opened(installation.engine) as connection:
        if waits:
            lock_chain_of_device(connection, saved.token_hash)
        revision = _try_to_save(installation, connection, saved)
        if revision is not None:
            connection.commit()
            return revision
        connection.rollback()
    return _save(installation, saved, waits=True)


def _try_to_save(installation: Installation, connection: Connection, saved: AnswerBatch) -> int | None:
    found = read_slot_for_saving(connection, saved.token_hash, saved.slot, saved.client, saved.given)
    if found is None:
        raise Refused("unknown_slot" if is_device_bound(connection, saved.token_hash) else "not_signed_in")
    row, before = found
    slot = slot_of(row)
    plan = installation.library.plan(row.study, slot.plan_version)
    _check_welcome(row, slot, saved, plan.idle_minutes)
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    leave_out = items_left_out(plan, slot.instrument)
    check_answers(instrument, saved.given, leave_out)
    if any(answer.offline for answer in saved.given):
        codes = [item.code for item in instrument.items if item.code not in leave_out]
        _check_unaltered(form_item_tokens(installation, plan, saved.slot, len(codes)), codes, saved)
    fresh = [answer for answer in saved.given if answer.seq not in before.known]
    if not fresh:
        return int(row.revision)
    text = installation.text(row.study, instrument, row.language, slot.begun_at)
    whole = is_gapless([answer.seq for answer in saved.given], frozenset(before.known))
    told = AuditEvent.ANSWER_SAVED if whole else AuditEvent.ANSWERS_AFTER_GAP
    entry, events = _written(row, slot, saved, fresh, before.held, text.sha256, told)
    if not write_answers(connection, entry, events):
        return None
    if saved.at - row.seen_at >= _SEEN_EVERY:
        write_device_seen(connection, row.device_id, saved.at)
    return int(row.revision) + len(fresh)


def _check_welcome(row: sa.Row[Any], slot: Slot, saved: AnswerBatch, idle_minutes: int) -> None:
    """Who is here, and whether the form takes answers; late ones only ask that nothing was sent yet."""
    if saved.late:
        if slot.submitted_at is not None:
            raise Refused("already_submitted")
        return
    if row.locked_at is not None or saved.at - row.seen_at > timedelta(minutes=idle_minutes):
        raise Refused("locked")
    check_open(window_of_slot(slot), slot_facts(slot), saved.at)
    if slot.begun_at is None:
        raise Refused("not_begun")


def _check_unaltered(of_form: str, codes: Sequence[str], saved: AnswerBatch) -> None:
    for answer in saved.given:
        sign = of_form[codes.index(answer.item)] if of_form else answer.item
        if not checksum_matches(of_form, saved.client, sign, answer):
            raise Refused("altered_answer", item=answer.item)


def _written(
    row: sa.Row[Any],
    slot: Slot,
    saved: AnswerBatch,
    fresh: Sequence[SubmittedAnswer],
    held: Mapping[str, AnswerValue],
    text_sha256: str,
    told: AuditEvent,
) -> tuple[AuditedEntry, list[dict[str, Any]]]:
    """The audit entry and the rows for these answers, numbered on from what was read."""
    before = dict(held)
    events, changes = [], []
    for number, answer in enumerate(fresh, start=int(row.revision) + 1):
        events.append(answer_row(slot, saved.client, number, answer, row.language, text_sha256, saved.at))
        changes.append(answer_change(slot, saved.client, answer, before))
        before[answer.item] = answer.value
    audited = build_entry(row, told, participant_actor(row.person), saved.at, changes)
    return audited, events
