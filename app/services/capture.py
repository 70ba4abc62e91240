"""Filling a form: opening, beginning and saving each answer as it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import Session, select

from app.domain.answers import Value
from app.domain.audit import Entry, Event, canonical, sealed
from app.domain.capture import Given, HelpedBy, LateReason, check_given, check_open
from app.domain.instrument import Instrument
from app.domain.instrument_text import InstrumentText
from app.domain.plan import Plan
from app.domain.refusal import Refused
from app.domain.schedule import asks_reason
from app.services.entry import Visitor, participant_actor
from app.services.given_answers import event_row, told_change
from app.services.identifiers import hashed, public_id
from app.services.installation import Installation
from app.services.scheduling import sent_kinds, wake_of
from app.services.wishes import wish_of
from app.storage.answering import (
    current_answers,
    hold_for,
    is_bound,
    read_slot,
    slot_of,
    write_answers,
    write_seen,
)
from app.storage.changes import chain_of_participant
from app.storage.engine import saving, writing
from app.storage.people import Participant
from app.storage.schedule import Slot
from app.storage.slots import facts_of, planned_of, window_of_slot

_SEEN_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Definition:
    """What a slot asks, in the participant's words, whatever its state."""

    slot: Slot
    plan: Plan
    instrument: Instrument
    text: InstrumentText
    leave_out: frozenset[str]


@dataclass(frozen=True, slots=True)
class Form(Definition):
    """A form as its participant may see it now, with the answers so far; begun or not."""

    answers: Mapping[str, Value]
    revision: int
    client: str
    asks_late_reason: bool


def open_form(installation: Installation, visitor: Visitor, slot_id: str, at: datetime) -> Form:
    """The form of one's own slot, found by its id alone; begun or not.

    Raises Refused: "unknown_slot" (also for somebody else's), "not_yet_open", "window_closed",
    "already_submitted", "not_expected", "no_translation".
    """
    with installation.read() as session:
        slot = own_slot(session, visitor, slot_id)
        check_open(window_of_slot(slot), facts_of(slot), at)
        held = current_answers(session.connection(), slot.id or 0)
    asked = defined(installation, visitor, slot)
    return Form(
        slot=slot,
        plan=asked.plan,
        instrument=asked.instrument,
        text=asked.text,
        leave_out=asked.leave_out,
        answers={item: answer.told for item, answer in held.items()},
        revision=max((answer.revision for answer in held.values()), default=0),
        client=public_id(),
        asks_late_reason=asks_reason(asked.plan, planned_of(slot), at),
    )


def definition(installation: Installation, visitor: Visitor, slot_id: str) -> Definition:
    """What one's own slot asks, whatever its state. Raises Refused: "unknown_slot", "no_translation"."""
    with installation.read() as session:
        slot = own_slot(session, visitor, slot_id)
    return defined(installation, visitor, slot)


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


def own_slot(session: Session, visitor: Visitor, slot_id: str) -> Slot:
    """One's own slot; anybody else's is refused like one that is not there: Refused("unknown_slot")."""
    own = select(Slot).where(Slot.public_id == slot_id, Slot.participant_id == visitor.participant_id)
    slot = session.exec(own).one_or_none()
    if slot is None:
        raise Refused("unknown_slot")
    return slot


def defined(installation: Installation, visitor: Visitor, slot: Slot) -> Definition:
    """What a slot at hand asks of this visitor. Raises Refused("no_translation")."""
    plan = installation.library.plan(visitor.study, slot.plan_version)
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    text = installation.library.text(instrument, visitor.language)
    return Definition(slot, plan, instrument, text, left_out(plan, slot.instrument))


def begin_form(
    installation: Installation,
    visitor: Visitor,
    slot_id: str,
    helped_by: HelpedBy | None,
    late_reason: LateReason | None,
    at: datetime,
) -> None:
    """Begin one's own form; a begun one stays as it is. From here on its window never moves.

    Raises as `open_form`, and Refused("late_reason_needed") for a diary entry made late without one.
    """
    chain = chain_of_participant(visitor.participant_id)
    with installation.work(visitor.actor, at) as work:
        work.lock(chain)
        slot = own_slot(work.session, visitor, slot_id)
        check_open(window_of_slot(slot), facts_of(slot), at)
        if slot.begun_at is not None:
            return
        plan = installation.library.plan(visitor.study, slot.plan_version)
        if late_reason is None and asks_reason(plan, planned_of(slot), at):
            raise Refused("late_reason_needed", field="late_reason", allowed=tuple(LateReason))
        slot.begun_at = at
        slot.helped_by = helped_by.value if helped_by else None
        slot.late_reason = late_reason.value if late_reason else None
        wish = wish_of(work.session.get_one(Participant, visitor.participant_id))
        slot.wake_at = wake_of(plan, slot, sent_kinds(work.session, slot), at, wish)
        work.record(Event.FORM_BEGUN, chain)


def save_answers(
    installation: Installation,
    cookie: str,
    slot_id: str,
    client: str,
    given: Sequence[Given],
    at: datetime,
) -> int:
    """Store answers as they are given, append-only and audited, and return the form's revision.

    Events that this client sent before are not stored again. Raises Refused: "not_signed_in",
    "locked", "not_begun", "unknown_item", "out_of_range", "wrong_kind", or as `open_form`.
    """
    return _save(installation, hashed(cookie), slot_id, client, given, at, waits=False)


def _save(
    installation: Installation,
    token_hash: str,
    slot_id: str,
    client: str,
    given: Sequence[Given],
    at: datetime,
    *,
    waits: bool,
) -> int:
    """Whoever is overtaken once waits in line the second time, and is then overtaken no more."""
    # One answer is written by one statement; several need a transaction around theirs.
    pool = saving if len(given) == 1 and not waits else writing
    with pool(installation.engine).connect() as connection:
        if waits:
            hold_for(connection, token_hash)
        revision = _try_to_save(installation, connection, token_hash, slot_id, client, given, at)
        if revision is not None:
            connection.commit()
            return revision
        connection.rollback()
    return _save(installation, token_hash, slot_id, client, given, at, waits=True)


def _try_to_save(
    installation: Installation,
    connection: Connection,
    token_hash: str,
    slot_id: str,
    client: str,
    given: Sequence[Given],
    at: datetime,
) -> int | None:
    found = read_slot(connection, token_hash, slot_id, client, given)
    if found is None:
        raise Refused("unknown_slot" if is_bound(connection, token_hash) else "not_signed_in")
    row, before = found
    slot = slot_of(row)
    plan = installation.library.plan(row.study, slot.plan_version)
    if row.locked_at is not None or at - row.seen_at > timedelta(minutes=plan.idle_minutes):
        raise Refused("locked")
    check_open(window_of_slot(slot), facts_of(slot), at)
    if slot.begun_at is None:
        raise Refused("not_begun")
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    check_given(instrument, given, left_out(plan, slot.instrument))
    fresh = [answer for answer in given if answer.seq not in before.known]
    if not fresh:
        return int(row.revision)
    text = installation.library.text(instrument, row.language)
    entry, events = _written(row, slot, client, fresh, before.held, text, at)
    if not write_answers(connection, entry, events):
        return None
    if at - row.seen_at >= _SEEN_EVERY:
        write_seen(connection, row.device_id, at)
    return int(row.revision) + len(fresh)


def _written(
    row: sa.Row[Any],
    slot: Slot,
    client: str,
    given: Sequence[Given],
    held: Mapping[str, Value],
    text: InstrumentText,
    at: datetime,
) -> tuple[Entry, list[dict[str, Any]]]:
    """The audit entry and the rows for these answers, numbered on from what was read."""
    before = dict(held)
    events, changes = [], []
    for number, answer in enumerate(given, start=int(row.revision) + 1):
        events.append(event_row(slot, client, number, answer, row.language, text.sha256, at))
        changes.append(told_change(slot, client, answer, before))
        before[answer.item] = answer.value
    actor = participant_actor(row.person)
    body = Entry(
        chain=row.chain,
        seq=row.seq + 1,
        event=Event.ANSWER_SAVED.value,
        at=at,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_role=actor.role,
        changes=canonical([change.told() for change in changes]),
    )
    return sealed(body, row.hash), events


def left_out(plan: Plan, instrument: str) -> frozenset[str]:
    """The items of an instrument that the plan does not use."""
    return next(used.leave_out for used in plan.instruments if used.id == instrument)
