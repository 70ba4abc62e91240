"""Telling the feed what is true of expected forms: last published against now, one function for all.

An act that touches what the state of a form rests on ends with `publish_acts_of`, the clock with
`publish_due`; storage commits no change of such a fact without it (`UnitOfWork.mark_published`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app.domain.plans.publication import (
    FeedState,
    PendingChange,
    PublishedChange,
    PublishedSlot,
    SlotChange,
    pending_changes,
)
from app.domain.plans.status import Status
from app.domain.records.access import CLOCK, Actor
from app.domain.records.audit import AuditEvent, FieldChange
from app.services.core.installation import Installation
from app.services.feed.feed_events import raise_version, slot_event
from app.services.schedule.next_due import next_due_moments
from app.storage.plain_rows import ResponseRecord
from app.storage.queries.participants import get_site
from app.storage.queries.slots import (
    StoredSlot,
    list_slot_records,
    list_slots,
    slot_facts,
    slot_status,
    window_of_slot,
)
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.capture import Response
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site, Study
from app.storage.unit_of_work import UnitOfWork

ADMINISTRATIVE = "administrative"
"""Why a slot is missed whose date was recorded only after its window had closed."""
_ORDER = tuple(SlotChange)
_CLOCK_EVENTS: Mapping[SlotChange, AuditEvent] = {
    SlotChange.opened: AuditEvent.SLOT_OPENED,
    SlotChange.missed: AuditEvent.SLOT_MISSED,
}


@dataclass(frozen=True, slots=True)
class _Pending:
    slot: Slot
    index: int
    change: PendingChange


@dataclass(frozen=True, slots=True)
class _FormOwner:
    """The participant whose forms the feed is told of."""

    participant: Participant
    study: Study
    site: Site

    @classmethod
    def load(cls, session: Session, participant_id: int) -> "_FormOwner":
        participant = session.get_one(Participant, participant_id)
        study = session.get_one(Study, participant.study_id)
        return cls(participant, study, get_site(session, participant))


def publish_acts_of(installation: Installation, work: UnitOfWork, participant_id: int) -> None:
    """Let this unit of work end by telling each published form of the participant that the act changed.

    What time alone made due is left to the clock.
    """
    chain = participant_chain(participant_id)

    def publish() -> None:
        pending = _act_changes(work.session, participant_id, work.at)
        _publish(installation, work, pending)
        _wake_anew(installation, work, [due.slot for due in pending])
        work.mark_published(chain)

    work.finish_with(chain, publish)


def publish_due(
    installation: Installation, work: UnitOfWork, participant_id: int, slots: Sequence[Slot]
) -> list[SlotChange]:
    """Tell everything of these slots that the feed does not say yet, as the clock; returns the changes told.

    Each change has an entry in the trail.
    """
    pending = list(_pending(slots, work.at))
    _publish(installation, work, pending)
    chain = participant_chain(participant_id)
    for due in pending:
        event = _CLOCK_EVENTS.get(due.change.change, AuditEvent.SLOT_PUBLISHED)
        change = FieldChange(record_name(due.slot), "published_state", None, due.change.state.value)
        work.record(event, chain, changes=[change])
    work.mark_published(chain)
    return [due.change.change for due in pending]


def slot_changes_due(slot: StoredSlot, at: datetime) -> tuple[PendingChange, ...]:
    """What the feed does not say yet of this slot."""
    state = slot.published_state
    if state is None and _lies_ahead(slot, at):
        return ()
    published = PublishedSlot(
        FeedState(state) if state is not None else None, slot.published_window == slot.window_version
    )
    # A window that had closed before its date was recorded was never offered: it is told as missed only.
    offered = slot.missed_reason != ADMINISTRATIVE or slot_status(slot, at) is not Status.missed
    return pending_changes(
        published,
        window_of_slot(slot),
        slot_facts(slot),
        at,
        offered=offered,
        in_plan=not slot.out_of_plan,
    )


def _lies_ahead(slot: StoredSlot, at: datetime) -> bool:
    """Whether this is one of the many forms that have not opened and that nobody did anything about."""
    ahead = slot.opens_at is None or slot.opens_at > at
    return ahead and not (slot.begun_at or slot.submitted_at or slot.excused or slot.exit_kind)


def _pending(slots: Sequence[Slot], at: datetime) -> list[_Pending]:
    pending = [
        _Pending(slot, index, change)
        for index, slot in enumerate(slots)
        for change in slot_changes_due(slot, at)
    ]
    return sorted(pending, key=lambda due: (due.change.at, due.index, _ORDER.index(due.change.change)))


def _act_changes(session: Session, participant_id: int, at: datetime) -> list[_Pending]:
    """What has to be told of those forms of a participant of which more than time has changed something."""
    acted = [
        slot.id
        for slot in list_slot_records(session, participant_id)
        if any(not change.by_time for change in slot_changes_due(slot, at))
    ]
    return _pending(list_slots(session, participant_id, acted), at) if acted else []


def _publish(installation: Installation, work: UnitOfWork, pending: Sequence[_Pending]) -> None:
    if not pending:
        return
    person = _FormOwner.load(work.session, pending[0].slot.participant_id)
    for due in pending:
        actor = CLOCK if due.change.by_time else work.actor
        _publish_changes(installation, work, person, due.slot, actor, due.change.published)


def _wake_anew(installation: Installation, work: UnitOfWork, slots: Sequence[Slot]) -> None:
    """What time brings next depends on what was told last."""
    if not slots:
        return
    participant = work.session.get_one(Participant, slots[0].participant_id)
    due = next_due_moments(installation.library, work.session, participant, slots, work.at)
    for slot in slots:
        slot.wake_at = due[slot.id]


def publish_slot(
    installation: Installation,
    work: UnitOfWork,
    slot: Slot,
    actor: Actor,
    change: PublishedChange,
) -> None:
    """Tell one form as it is now, and note what was told."""
    _publish_changes(
        installation, work, _FormOwner.load(work.session, slot.participant_id), slot, actor, change
    )


def _publish_changes(
    installation: Installation,
    work: UnitOfWork,
    person: _FormOwner,
    slot: Slot,
    actor: Actor,
    change: PublishedChange,
) -> None:
    plan = installation.library.get_plan(person.study.code, slot.plan_version)
    response = _response(work.session, slot) if change.state is FeedState.submitted else None
    slot.published_state, slot.published_window = change.state.value, slot.window_version
    version, subject = raise_version(slot), person.participant.subject
    draft = slot_event(slot, version, subject, person.site, actor, change, response, plan.blinded)
    work.publish(person.participant.study_id, draft)


def _response(session: Session, slot: Slot) -> ResponseRecord:
    """The newest version of a form's response."""
    latest = select(Response).where(Response.slot_id == slot.id).order_by(col(Response.version).desc())
    row = session.exec(latest.limit(1)).one()
    return ResponseRecord(**{name: getattr(row, name) for name in ResponseRecord._fields})
