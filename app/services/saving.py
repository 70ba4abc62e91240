"""Saving each answer as it is given: one read, one write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.domain.answers import Value
from app.domain.audit import Entry, Event, canonical, sealed
from app.domain.capture import Given, check_given, check_open
from app.domain.outbox import gapless, unaltered
from app.domain.refusal import Refused
from app.services.capture import Form, definition, left_out, open_form, signs_of
from app.services.entry import Visitor, participant_actor
from app.services.given_answers import event_row, told_change
from app.services.identifiers import hashed
from app.services.installation import Installation
from app.storage.answering import hold_for, is_bound, read_slot, slot_of, write_answers, write_seen
from app.storage.changes import chain_of_participant
from app.storage.engine import saving, writing
from app.storage.schedule import Slot
from app.storage.slots import facts_of, window_of_slot

_SEEN_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Saving:
    """Answers on their way to a form. `late`: they were judged already, so that the form may be closed."""

    token_hash: str
    slot: str
    client: str
    given: Sequence[Given]
    at: datetime
    late: bool = False


def save_answers(
    installation: Installation,
    cookie: str,
    slot_id: str,
    client: str,
    given: Sequence[Given],
    at: datetime,
    late: bool = False,
) -> int:
    """Store answers as they are given, append-only and audited, and return the form's revision.

    Events that this client sent before are not stored again; a gap in its numbers is told by the trail.
    `late` ones were judged to have been captured in time. Raises Refused: "not_signed_in", "locked",
    "not_begun", "unknown_item", "out_of_range", "wrong_kind", "altered_answer", or as `open_form`.
    """
    return _save(installation, Saving(hashed(cookie), slot_id, client, given, at, late), waits=False)


def keep_draft(
    installation: Installation,
    visitor: Visitor,
    cookie: str,
    slot_id: str,
    answers: Mapping[str, Value],
    base: int,
    at: datetime,
) -> Form:
    """Store those answers of a whole page that differ from the draft, and return the form with them.

    `base` is the revision that the page was made from. Raises as `open_form` and `save_answers`.
    """
    form = open_form(installation, visitor, slot_id, at)
    changed = [
        item for item, value in answers.items() if item not in form.answers or form.answers[item] != value
    ]
    if not changed:
        return form
    given = [Given(seq, base, item, answers[item]) for seq, item in enumerate(changed, start=1)]
    save_answers(installation, cookie, slot_id, form.client, given, at)
    return open_form(installation, visitor, slot_id, at)


def tell_altered(installation: Installation, visitor: Visitor, slot_id: str, at: datetime) -> None:
    """Put into the trail that a record was changed on the phone after it was written (OFF-02)."""
    definition(installation, visitor, slot_id)
    with installation.work(visitor.actor, at) as work:
        work.record(Event.ANSWERS_ALTERED, chain_of_participant(visitor.participant_id))


def _save(installation: Installation, saved: Saving, *, waits: bool) -> int:
    """Whoever is overtaken once waits in line the second time, and is then overtaken no more."""
    # One answer is written by one statement; several need a transaction around theirs.
    pool = saving if len(saved.given) == 1 and not waits else writing
    with pool(installation.engine).connect() as connection:
        if waits:
            hold_for(connection, saved.token_hash)
        revision = _try_to_save(installation, connection, saved)
        if revision is not None:
            connection.commit()
            return revision
        connection.rollback()
    return _save(installation, saved, waits=True)


def _try_to_save(installation: Installation, connection: Connection, saved: Saving) -> int | None:
    found = read_slot(connection, saved.token_hash, saved.slot, saved.client, saved.given)
    if found is None:
        raise Refused("unknown_slot" if is_bound(connection, saved.token_hash) else "not_signed_in")
    row, before = found
    slot = slot_of(row)
    plan = installation.library.plan(row.study, slot.plan_version)
    _check_welcome(row, slot, saved, plan.idle_minutes)
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    leave_out = left_out(plan, slot.instrument)
    check_given(instrument, saved.given, leave_out)
    if any(answer.offline for answer in saved.given):
        codes = [item.code for item in instrument.items if item.code not in leave_out]
        _check_unaltered(signs_of(installation, plan, saved.slot, len(codes)), codes, saved)
    fresh = [answer for answer in saved.given if answer.seq not in before.known]
    if not fresh:
        return int(row.revision)
    text = installation.text(row.study, instrument, row.language, slot.begun_at)
    whole = gapless([answer.seq for answer in saved.given], frozenset(before.known))
    told = Event.ANSWER_SAVED if whole else Event.ANSWERS_AFTER_GAP
    entry, events = _written(row, slot, saved, fresh, before.held, text.sha256, told)
    if not write_answers(connection, entry, events):
        return None
    if saved.at - row.seen_at >= _SEEN_EVERY:
        write_seen(connection, row.device_id, saved.at)
    return int(row.revision) + len(fresh)


def _check_welcome(row: sa.Row[Any], slot: Slot, saved: Saving, idle_minutes: int) -> None:
    """Who is here, and whether the form takes answers; late ones only ask that nothing was sent yet."""
    if saved.late:
        if slot.submitted_at is not None:
            raise Refused("already_submitted")
        return
    if row.locked_at is not None or saved.at - row.seen_at > timedelta(minutes=idle_minutes):
        raise Refused("locked")
    check_open(window_of_slot(slot), facts_of(slot), saved.at)
    if slot.begun_at is None:
        raise Refused("not_begun")


def _check_unaltered(of_form: str, codes: Sequence[str], saved: Saving) -> None:
    for answer in saved.given:
        sign = of_form[codes.index(answer.item)] if of_form else answer.item
        if not unaltered(of_form, saved.client, sign, answer):
            raise Refused("altered_answer", item=answer.item)


def _written(
    row: sa.Row[Any],
    slot: Slot,
    saved: Saving,
    fresh: Sequence[Given],
    held: Mapping[str, Value],
    text_sha256: str,
    told: Event,
) -> tuple[Entry, list[dict[str, Any]]]:
    """The audit entry and the rows for these answers, numbered on from what was read."""
    before = dict(held)
    events, changes = [], []
    for number, answer in enumerate(fresh, start=int(row.revision) + 1):
        events.append(event_row(slot, saved.client, number, answer, row.language, text_sha256, saved.at))
        changes.append(told_change(slot, saved.client, answer, before))
        before[answer.item] = answer.value
    actor = participant_actor(row.person)
    body = Entry(
        chain=row.chain,
        seq=row.seq + 1,
        event=told.value,
        at=saved.at,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_role=actor.role,
        changes=canonical([change.told() for change in changes]),
    )
    return sealed(body, row.hash), events
