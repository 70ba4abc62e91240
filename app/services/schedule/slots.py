"""From plan and dated facts to slots: creating them ahead, and moving those not yet begun."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.plans.plan import Plan
from app.domain.plans.reminders import MISSED, OPENED, ReminderPreference, next_due_moment, plan_reminders
from app.domain.plans.schedule import (
    VISIT,
    AnchorDate,
    PlannedSlot,
    SlotKey,
    WindowMove,
    compare_schedules,
    plan_requested_visit,
    plan_slots,
)
from app.domain.plans.status import Exit, SlotFacts
from app.domain.records.anchors import AnchorStanding
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_public_id
from app.services.core.plans import get_plan
from app.services.schedule.reminder_preference import reminder_preference
from app.storage.queries.participants import get_participant
from app.storage.queries.slots import list_slots, planned_slot, set_window, slot_facts, window_of_slot
from app.storage.row_changes import participant_chain
from app.storage.tables.messages import Message
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor, Slot, VisitRecord
from app.storage.unit_of_work import UnitOfWork

NOT_IN_PLAN = "not_in_plan"
"""Why a slot is excused that a corrected arm or anchor no longer asks for."""
ADMINISTRATIVE = "administrative"
"""Why a slot is missed whose date was recorded only after its window had closed."""


@dataclass(frozen=True, slots=True)
class ScheduleProposal:
    """What a changed fact would do: the schedule after it and the windows that move."""

    after: tuple[PlannedSlot, ...]
    moves: tuple[WindowMove, ...]

    @property
    def would_be_missed(self) -> tuple[SlotKey, ...]:
        """The slots whose new window has already closed with nothing begun."""
        return tuple(move.key for move in self.moves if move.would_be_missed)


def current_anchors(session: Session, participant_id: int) -> dict[str, AnchorDate]:
    """The anchors in force, and under `visit:<code>` the actual dates of visits."""
    current = select(Anchor).where(
        Anchor.participant_id == participant_id, Anchor.standing == AnchorStanding.CURRENT
    )
    anchors = {row.kind: AnchorDate(row.kind, row.dated_on, row.dated_at) for row in session.exec(current)}
    visits = select(VisitRecord).where(
        VisitRecord.participant_id == participant_id, VisitRecord.state == "occurred"
    )
    for visit in session.exec(visits):
        if visit.dated_on is not None:
            anchors[VISIT + visit.visit] = AnchorDate(VISIT + visit.visit, visit.dated_on)
    return anchors


def propose_schedule(
    plan: Plan,
    participant: Participant,
    slots: Sequence[Slot],
    anchors: Mapping[str, AnchorDate],
    at: datetime,
) -> ScheduleProposal:
    """What the schedule would be under these anchors, compared with the slots as they stand."""
    on_request = [planned for slot in slots if _on_request(slot) for planned in _again(plan, slot, anchors)]
    after = (*plan_slots(plan, anchors, participant.arm, participant.zone), *on_request)
    begun = {(slot.visit, slot.instrument) for slot in slots if slot.begun_at or slot.submitted_at}
    return ScheduleProposal(
        after, compare_schedules([planned_slot(slot) for slot in slots], after, begun, at)
    )


def _on_request(slot: Slot) -> bool:
    return "-" in slot.visit  # `UNS-1`, `BL-2`: no code of the schedule holds a hyphen


def _again(plan: Plan, slot: Slot, anchors: Mapping[str, AnchorDate]) -> tuple[PlannedSlot, ...]:
    """A requested visit under these anchors; a repeated baseline ends with the one it repeats."""
    visit, number = slot.visit.split("-")
    if slot.opens_on is None:
        return (planned_slot(slot),)
    try:
        planned_visit = plan_requested_visit(plan, visit, int(number), slot.opens_on, slot.zone, anchors)
    except Refused:  # the day it was requested for now lies outside the window it repeats
        return (planned_slot(slot),)
    return tuple(planned for planned in planned_visit if planned.instrument == slot.instrument)


def request_visit(
    context: StaffContext,
    study_id: int,
    subject: str,
    visit: str,
    on_day: date,
) -> tuple[str, ...]:
    """Create an unscheduled visit or a repeated baseline from a day on; returns the new visit codes.

    Raises Refused: "unknown_visit" naming those that can be requested, "outside_window", "anchor_unknown",
    "visit_exists" naming the one that was added from this very day.
    """
    with context.unit_of_work() as work:
        participant = get_participant(work.session, study_id, subject)
        chain = participant_chain(_key(participant))
        work.lock(chain)
        plan = get_plan(context.installation, work.session, study_id)
        slots = list_slots(work.session, _key(participant))
        taken = {slot.visit for slot in slots}
        for slot in slots:
            if slot.visit.startswith(f"{visit}-") and slot.opens_on == on_day and slot.excused is None:
                raise Refused("visit_exists", visit=slot.visit, day=on_day)
        number = next(
            number
            for number in itertools.count(2 if visit in taken else 1)
            if f"{visit}-{number}" not in taken
        )
        anchors = current_anchors(work.session, _key(participant))
        planned = plan_requested_visit(plan, visit, number, on_day, participant.zone, anchors)
        rows = [
            _new_slot_values(plan, participant, each, position, late=False, at=context.at)
            for position, each in enumerate(planned, start=len(slots))
        ]
        work.insert_rows(Slot, rows)
        work.record(AuditEvent.VISIT_REQUESTED, chain)
        return tuple(each.visit for each in planned)


def apply_proposal(
    work: UnitOfWork, plan: Plan, participant: Participant, proposal: ScheduleProposal
) -> None:
    """Create the slots that are new and move those not begun; what is missed thereby is `administrative`.

    Begun and submitted slots keep window, instrument and plan version.
    """
    at, preference = work.at, reminder_preference(participant)
    existing = {(slot.visit, slot.instrument): slot for slot in list_slots(work.session, _key(participant))}
    missed = set(proposal.would_be_missed)
    moving = {
        planned.key: slot
        for planned in proposal.after
        if (slot := existing.get(planned.key)) is not None and _to_be_moved(slot, planned)
    }
    _free_days(work.session, moving.values())
    entered = {(slot.instrument, slot.for_day) for slot in existing.values() if slot.for_day is not None}
    new = []
    for position, planned in enumerate(proposal.after):
        if planned.key not in existing:
            late = planned.key in missed
            new.append(_new_slot_values(plan, participant, planned, position, late=late, at=at))
        elif planned.key in moving:
            slot = moving[planned.key]
            _move(slot, planned, entered)
            slot.missed_reason = ADMINISTRATIVE if planned.key in missed and slot.excused is None else None
            slot.wake_at = next_due_at(plan, slot, (), at, preference)
    work.insert_rows(Slot, new)
    _excuse_dropped(plan, participant, existing.values())


def _to_be_moved(slot: Slot, planned: PlannedSlot) -> bool:
    if slot.begun_at is not None or slot.submitted_at is not None:
        return False
    back_in_plan = slot.excused == NOT_IN_PLAN and planned.for_day is None
    return back_in_plan or window_of_slot(slot) != planned.window


def _free_days(session: Session, moving: Collection[Slot]) -> None:
    # One diary entry per day holds at every statement: the days are given up before they are given anew.
    for slot in moving:
        slot.for_day = None
    session.flush()


def _move(slot: Slot, planned: PlannedSlot, entered: Collection[tuple[str, date | None]]) -> None:
    """Give a slot its new window; a diary day that is entered already needs no second form."""
    taken = planned.for_day is not None and (planned.instrument, planned.for_day) in entered
    set_window(slot, None if taken else planned.window)
    slot.for_day = None if taken else planned.for_day
    if taken or slot.excused == NOT_IN_PLAN:
        slot.excused = NOT_IN_PLAN if taken else None


def _new_slot_values(
    plan: Plan, participant: Participant, planned: PlannedSlot, position: int, *, late: bool, at: datetime
) -> dict[str, Any]:
    """A new expected form of this participant by the names of its columns.

    A participant has some 250 of them, made at once: as objects of the ORM they would take ten times as long.
    """
    window = planned.window
    left = (
        Exit(participant.exit_kind, participant.exit_at)
        if participant.exit_kind and participant.exit_at
        else None
    )
    preference = reminder_preference(participant)
    reminders = plan_reminders(plan, planned, preference.clock)
    facts = SlotFacts(exit=left)
    return {
        "public_id": new_public_id(),
        "study_id": participant.study_id,
        "participant_id": _key(participant),
        "site_id": participant.site_id,
        "visit": planned.visit,
        "series": planned.series,
        "instrument": planned.instrument,
        "instrument_version": planned.instrument_version,
        "plan_version": plan.version,
        "anchor": planned.anchor,
        "arm_revealing": planned.arm_revealing,
        "position": position,
        "for_day": planned.for_day,
        "zone": participant.zone,
        "exit_kind": participant.exit_kind,
        "exit_at": participant.exit_at,
        "opens_on": window.opens_on if window else None,
        "target_on": window.target_on if window else None,
        "closes_on": window.closes_on if window else None,
        "opens_at": window.opens_at if window else None,
        "due_at": window.due_at if window else None,
        "overdue_at": window.overdue_at if window else None,
        "closes_at": window.closes_at if window else None,
        "grace_until": window.grace_until if window else None,
        "window_version": 1,
        "missed_reason": ADMINISTRATIVE if late else None,
        "wake_at": next_due_moment(window, reminders, facts, (), at, preference.not_before),
    }


def next_due_at(
    plan: Plan, slot: Slot, sent: Collection[str], at: datetime, wish: ReminderPreference
) -> datetime | None:
    """The next moment at which the slot owes an event or a reminder; None when it owes no more.

    `sent` holds the reminder kinds of this window; no reminder is owed against the participant's wish.
    """
    emitted = {*sent, *_announced(slot)}
    planned = plan_reminders(plan, planned_slot(slot), wish.clock)
    return next_due_moment(window_of_slot(slot), planned, slot_facts(slot), emitted, at, wish.not_before)


def queued_kinds(session: Session, slot: Slot) -> tuple[str, ...]:
    """The kinds of reminder already queued for this version of the slot's window."""
    statement = select(Message.kind).where(
        Message.slot_id == slot.id, Message.window_version == slot.window_version
    )
    return tuple(session.exec(statement))


def queued_kinds_by_slot(session: Session, slots: Sequence[Slot]) -> dict[tuple[int | None, int], set[str]]:
    """The kinds of reminder that have their message already, by slot and version of its window."""
    rows = sa.select(col(Message.slot_id), col(Message.window_version), col(Message.kind))
    kinds: dict[tuple[int | None, int], set[str]] = {}
    for row in session.execute(rows.where(col(Message.slot_id).in_([slot.id for slot in slots]))):
        kinds.setdefault((row.slot_id, row.window_version), set()).add(row.kind)
    return kinds


def apply_exit(
    session: Session, plan: Plan, participant: Participant, left: Exit | None, at: datetime
) -> None:
    """Repeat the exit in force on the participant and every slot not submitted (None takes it away)."""
    participant.exit_kind = left.kind if left else None
    participant.exit_at = left.at if left else None
    for slot in _open_slots(session, participant):
        slot.exit_kind, slot.exit_at = participant.exit_kind, participant.exit_at
    refresh_next_due(session, plan, participant, at)


def _announced(slot: Slot) -> tuple[str, ...]:
    return {None: (), OPENED: (OPENED,), MISSED: (OPENED, MISSED)}[slot.announced]


def _open_slots(session: Session, participant: Participant) -> Sequence[Slot]:
    statement = select(Slot).where(Slot.participant_id == participant.id, col(Slot.submitted_at).is_(None))
    return session.exec(statement).all()


def refresh_next_due(session: Session, plan: Plan, participant: Participant, at: datetime) -> None:
    """Set every open slot's next moment again, after something changed what reminders are owed."""
    slots, wish = _open_slots(session, participant), reminder_preference(participant)
    sent = queued_kinds_by_slot(session, slots)
    for slot in slots:
        kinds = sent.get((slot.id, slot.window_version), set())
        slot.wake_at = next_due_at(plan, slot, kinds, at, wish)


def _excuse_dropped(plan: Plan, participant: Participant, slots: Collection[Slot]) -> None:
    # The EDC can correct an arm; a visit of the other arm is then expected no more.
    dropped = {
        rule.code_of(offset)
        for rule in plan.visits
        for offset in rule.offsets
        if rule.arms and participant.arm not in rule.arms
    }
    for slot in slots:
        if slot.visit in dropped and slot.begun_at is None and slot.submitted_at is None and not slot.excused:
            slot.excused, slot.wake_at = NOT_IN_PLAN, None


def _key(participant: Participant) -> int:
    if participant.id is None:
        raise Refused("unknown_participant")
    return participant.id
