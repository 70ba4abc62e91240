"""Sending a form: exactly once, scored and told to the EDC in the same transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import select

from app.domain.answers import Value
from app.domain.audit import Change, Event
from app.domain.capture import Arrival, Given, arrival, content, finished
from app.domain.instrument import Instrument
from app.domain.plan import Plan
from app.domain.refusal import Refused
from app.domain.scoring import Score, printed, score
from app.domain.status import Status, status
from app.services.capture import event_row, left_out, own_slot, told_change
from app.services.entry import Visitor
from app.services.feed_events import told_of_slot
from app.services.identifiers import public_id
from app.services.installation import Installation
from app.storage.answering import adding, current_answers
from app.storage.capture import Quarantine, Response
from app.storage.changes import chain_of_participant
from app.storage.people import Participant
from app.storage.schedule import Slot
from app.storage.slots import facts_of, window_of_slot
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Sending:
    """A form as it is sent: every answer (None: left blank), and the step by which it was reviewed.

    `submission` is the sender's own name for this sending; `presentation` says how the form was shown.
    """

    answers: Mapping[str, Value]
    submission: str
    reviewed: bool
    device_at: datetime | None = None
    presentation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that answers are stored: its number, when they were received, and how they are marked."""

    number: str
    received_at: datetime
    out_of_window: bool
    in_grace: bool
    repeated: bool


@dataclass(frozen=True, slots=True)
class _Form:
    """The slot that is sent, with the definitions that it was begun under."""

    slot: Slot
    plan: Plan
    instrument: Instrument
    leave_out: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What could not become the response: kept in quarantine, and said to the sender after the commit."""

    refusal: Refused


def submit_form(
    installation: Installation, visitor: Visitor, slot_id: str, sending: Sending, at: datetime
) -> Receipt:
    """Make the answers the slot's one response, scored, audited and in the feed, or return the receipt
    of the same content sent before.

    Raises Refused: "unknown_slot", "not_begun", "unanswered", "not_reviewed", "unknown_item",
    "out_of_range", "wrong_kind"; "already_submitted" with the first receipt for other content, and
    "arrived_too_late" - in both cases the answers are kept in quarantine.
    """
    with installation.work(visitor.actor, at) as work:
        work.lock(chain_of_participant(visitor.participant_id))
        slot = own_slot(work.session, visitor, slot_id)
        outcome = _decide(installation, work, visitor, slot, sending)
    if isinstance(outcome, _Kept):
        raise outcome.refusal
    return outcome


def _decide(
    installation: Installation, work: UnitOfWork, visitor: Visitor, slot: Slot, sending: Sending
) -> Receipt | _Kept:
    plan = installation.library.plan(visitor.study, slot.plan_version)
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    form = _Form(slot, plan, instrument, left_out(plan, slot.instrument))
    if slot.submitted_at is not None:
        return _again(work, form, sending)
    window, facts = window_of_slot(slot), facts_of(slot)
    if window is None or status(window, facts, work.at) in (Status.planned, Status.excused):
        raise Refused("not_yet_open")
    if slot.begun_at is None:
        raise Refused("window_closed" if work.at >= window.closes_at else "not_begun", day=window.closes_on)
    document = finished(instrument, sending.answers, form.leave_out, sending.reviewed)
    stands = arrival(window, facts, sending.device_at, work.at)
    if stands is Arrival.quarantined:
        return _quarantine(work, slot, document, sending, Refused("arrived_too_late", day=window.closes_on))
    return _accept(installation, work, visitor, form, document, stands, sending)


def _again(work: UnitOfWork, form: _Form, sending: Sending) -> Receipt | _Kept:
    """The same content gets the same receipt; other content is kept and refused."""
    first = work.session.exec(
        select(Response).where(Response.slot_id == form.slot.id, Response.version == 1)
    ).one()
    document = finished(form.instrument, sending.answers, form.leave_out, reviewed=True)
    if content(document) == first.content_sha256:
        return _receipt(first, repeated=True)
    refusal = Refused("already_submitted", receipt=first.public_id, received=first.submitted_at)
    return _quarantine(work, form.slot, document, sending, refusal)


def _quarantine(
    work: UnitOfWork, slot: Slot, document: Mapping[str, Value], sending: Sending, refusal: Refused
) -> _Kept:
    sha256 = content(document)
    held = work.session.exec(
        select(Quarantine.id).where(Quarantine.slot_id == slot.id, Quarantine.content_sha256 == sha256)
    ).first()
    if held is None:
        work.session.add(
            Quarantine(
                slot_id=slot.id or 0,
                reason=refusal.code,
                content_sha256=sha256,
                answers=dict(document),
                device_at=sending.device_at,
                received_at=work.at,
            )
        )
        work.record(Event.ANSWERS_QUARANTINED, chain_of_participant(slot.participant_id), reason=refusal.code)
    return _Kept(refusal)


def _accept(
    installation: Installation,
    work: UnitOfWork,
    visitor: Visitor,
    form: _Form,
    document: dict[str, Value],
    stands: Arrival,
    sending: Sending,
) -> Receipt:
    slot, instrument = form.slot, form.instrument
    text = installation.library.text(instrument, visitor.language)
    changes = _keep_unsaved(work, visitor, slot, document, text.sha256, sending)
    slot.submitted_at = work.at
    slot.out_of_window = stands is Arrival.out_of_window
    slot.missed_reason = slot.missed_note = slot.wake_at = None
    response = Response(
        public_id=public_id(),
        slot_id=slot.id or 0,
        study_id=slot.study_id,
        version=1,
        submission=sending.submission,
        content_sha256=content(document),
        answers=dict(document),
        scores=[scored(each) for each in score(instrument, document)],
        instrument_sha256=instrument.sha256,
        text_sha256=text.sha256,
        algorithm=instrument.algorithm,
        language=visitor.language,
        originator="participant",
        helped_by=slot.helped_by,
        mode="own_device",
        late_reason=slot.late_reason,
        presentation=dict(sending.presentation),
        app_version=installation.app_version,
        out_of_window=slot.out_of_window,
        in_grace=stands is Arrival.in_grace,
        device_at=sending.device_at,
        device_offset=_offset_minutes(sending.device_at),
        begun_at=slot.begun_at or work.at,
        submitted_at=work.at,
    )
    work.session.add(response)
    work.record(Event.FORM_SUBMITTED, chain_of_participant(slot.participant_id), changes=changes)
    participant = work.session.get_one(Participant, slot.participant_id)
    told = told_of_slot(slot, participant, visitor.site, work.actor, "completed", response, form.plan.blinded)
    work.publish(slot.study_id, told)
    return _receipt(response, repeated=False)


def _keep_unsaved(
    work: UnitOfWork,
    visitor: Visitor,
    slot: Slot,
    document: Mapping[str, Value],
    text_sha256: str,
    sending: Sending,
) -> list[Change]:
    """Store as events what the form carries beyond the saved draft, so that the trail has every answer."""
    held = current_answers(work.session.connection(), slot.id or 0)
    before: dict[str, Value] = {item: answer.told for item, answer in held.items()}
    unsaved = [code for code, value in document.items() if code not in before or before[code] != value]
    revision = max((answer.revision for answer in held.values()), default=0)
    changes, rows = [], []
    for seq, code in enumerate(unsaved, start=1):
        answer = Given(seq, revision, code, document[code], sending.device_at)
        row = event_row(
            slot, sending.submission, revision + seq, answer, visitor.language, text_sha256, work.at
        )
        row["client"] = f"sent:{sending.submission}"[:32]
        rows.append(row)
        changes.append(told_change(slot, row["client"], answer, before))
    if rows:
        work.apply(*adding(work.session.connection(), rows))
    return changes


def scored(each: Score) -> dict[str, Any]:
    """A score as JSON: its printed value (None when not scorable), and what it rests on."""
    return {
        "scale": each.scale,
        "value": printed(each.value) if each.value is not None else None,
        "answered": each.answered,
        "asked": each.asked,
        "status": each.status.value,
    }


def _receipt(response: Response, repeated: bool) -> Receipt:
    return Receipt(
        number=response.public_id,
        received_at=response.submitted_at,
        out_of_window=response.out_of_window,
        in_grace=response.in_grace,
        repeated=repeated,
    )


def _offset_minutes(at: datetime | None) -> int | None:
    offset = at.utcoffset() if at else None
    return int(offset.total_seconds() // 60) if offset is not None else None
