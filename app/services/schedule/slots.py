"""From plan and dated facts to slots: creating them ahead, and moving those not yet begun."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from app.definitions.library import Library
from app.domain.capture.slot_view import FormSlot
from app.domain.plans.plan import Plan
from app.domain.plans.reminders import next_due_moment, plan_reminders
from app.domain.plans.rescheduling import (
    SlotMove,
    StandingSlot,
    WindowMove,
    is_touched,
    merge_versions,
    out_of_plan_code,
    plan_moves,
    window_moves,
)
from app.domain.plans.schedule import (
    VISIT,
    AnchorDate,
    PlannedSlot,
    SlotKey,
    plan_requested_visit,
    plan_slots,
)
from app.domain.plans.status import Exit, SlotFacts
from app.domain.records.anchors import AnchorStanding
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_public_id
from app.services.core.installation import Installation
from app.services.core.plans import get_plan_of
from app.services.schedule.next_due import (
    list_unsubmitted_slots,
    next_due_at,
    refresh_next_due,
    used_up_kinds,
)
from app.services.schedule.reminder_preference import reminder_preference
from app.services.schedule.slot_publication import ADMINISTRATIVE, publish_acts_of
from app.storage.queries.participants import get_readable_slot
from app.storage.queries.slots import (
    StoredSlot,
    is_diary_slot,
    list_slots,
    paper_waits,
    planned_slot,
    set_window,
    slot_facts,
)
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import PaperEntry
from app.storage.tables.columns import key_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor, Slot, VisitRecord
from app.storage.unit_of_work import UnitOfWork

NOT_IN_PLAN = "not_in_plan"
"""Why a slot is excused that a corrected arm or anchor no longer asks for."""


@dataclass(frozen=True, slots=True)
class ScheduleProposal:
    """What a changed fact would do to a participant's forms, in the plan's order.

    `standing`: whether the fact would be in force; one that only differs changes nothing.
    """

    changes: tuple[SlotMove, ...]
    planned: tuple[PlannedSlot, ...]
    standing: AnchorStanding = AnchorStanding.CURRENT

    @property
    def moves(self) -> tuple[WindowMove, ...]:
        """The windows that move, appear or end, as they are shown."""
        return window_moves(self.changes)

    @property
    def would_be_missed(self) -> tuple[SlotKey, ...]:
        """The forms that would be missed by this at once."""
        return tuple(
            each.planned.key for each in self.changes if each.would_be_missed and each.planned is not None
        )

    def confirm(self, confirmed: bool) -> None:
        """Refuse to make forms missed that nobody was asked about: Refused("would_be_missed")."""
        if self.would_be_missed and not confirmed:
            raise Refused(
                "would_be_missed", slots=[f"{visit} {form}" for visit, form in self.would_be_missed]
            )


@dataclass(frozen=True, slots=True)
class LockedForm:
    """One expected form with its participant, whose chain is locked, and the plan of new slots."""

    participant: Participant
    plan: Plan
    slot: Slot


def lock_form(context: StaffContext, work: UnitOfWork, participant_id: int, slot_id: str) -> LockedForm:
    """Lock the participant's chain and read one of their forms.

    Raises Refused("unknown_slot"), also for one that this actor may not see.
    """
    work.lock(participant_chain(participant_id))
    participant = work.session.get_one(Participant, participant_id)
    plan = get_plan_of(context.installation, work.session, participant)
    slot = get_readable_slot(work.session, context.actor, plan, participant, slot_id)
    return LockedForm(participant, plan, slot)


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


def find_waiting_paper(session: Session, participant_id: int) -> frozenset[int]:
    """The participant's forms of which one of two paper entries was made, or two that differ.

    Nobody may take such a form away, as if nobody had begun it: the pair could then only be set aside.
    Whether two are asked for is said by the version of the form, not by that of its participant.
    """
    waiting = select(PaperEntry.slot_id).where(PaperEntry.participant_id == participant_id, *paper_waits())
    return frozenset(session.exec(waiting))


def is_slot_touched(slot: StoredSlot, waiting_paper: Collection[int]) -> bool:
    """Whether somebody began or answered this form; `waiting_paper` as `find_waiting_paper` gives it."""
    return is_touched(slot_facts(slot), paper_waits=key_of(slot) in waiting_paper)


def propose_schedule(
    session: Session,
    library: Library,
    plan: Plan,
    participant: Participant,
    slots: Sequence[Slot],
    anchors: Mapping[str, AnchorDate],
    at: datetime,
) -> ScheduleProposal:
    """What the schedule would be under these anchors, compared with the slots as they stand.

    A form of an earlier version of the plan is where that version has it.
    """
    waiting = find_waiting_paper(session, key_of(participant))
    standing = [standing_slot(plan, slot, waiting) for slot in slots]
    kept = [form for form in standing if form.stays_earlier(plan.version)]
    return _propose(library, plan, participant, slots, anchors, standing, kept, at)


def propose_amendment(
    library: Library,
    plan: Plan,
    participant: Participant,
    slots: Sequence[Slot],
    anchors: Mapping[str, AnchorDate],
    entered: Collection[int],
    at: datetime,
) -> ScheduleProposal:
    """The same for a participant who is to follow this version of the plan from now on.

    Forms that were begun, or are over, stay with their own version, and so do those `entered` from paper,
    once so far; all others become forms of this one.
    """
    standing = [standing_slot(plan, slot, entered) for slot in slots]
    kept = [form for form in standing if form.outlasts_amendment(plan.version, at)]
    return _propose(library, plan, participant, slots, anchors, standing, kept, at)


def _propose(
    library: Library,
    plan: Plan,
    participant: Participant,
    slots: Sequence[Slot],
    anchors: Mapping[str, AnchorDate],
    standing: Sequence[StandingSlot],
    kept: Sequence[StandingSlot],
    at: datetime,
) -> ScheduleProposal:
    """`kept` are the forms that are where an earlier version of the plan has them."""
    earlier = {each: library.plan(plan.id, each) for each in {form.planned.plan_version for form in kept}}
    by_version = {
        version: plan_slots(its_plan, anchors, participant.arm, participant.zone)
        for version, its_plan in earlier.items()
    }
    own = {form.key: earlier[form.planned.plan_version] for form in kept}
    on_request = (
        planned
        for slot in slots
        if is_on_request(slot)
        for planned in _again(own.get(key_of(slot), plan), slot, anchors)
    )
    scheduled = [form for form in kept if not form.on_request]
    present = plan_slots(plan, anchors, participant.arm, participant.zone)
    planned = (*merge_versions(present, scheduled, by_version), *on_request)
    return ScheduleProposal(plan_moves(standing, planned, _exit_of(participant), at), planned)


def standing_slot(plan: Plan, slot: Slot, waiting_paper: Collection[int]) -> StandingSlot:
    """A stored form as the domain compares it with the plan; `waiting_paper` as above."""
    return StandingSlot(
        key_of(slot),
        planned_slot(slot),
        slot_facts(slot),
        is_diary=is_diary_slot(plan, slot),
        on_request=is_on_request(slot),
        out_of_plan=slot.out_of_plan,
        paper_waits=key_of(slot) in waiting_paper,
    )


def _exit_of(participant: Participant) -> Exit | None:
    if participant.exit_kind is None or participant.exit_at is None:
        return None
    return Exit(participant.exit_kind, participant.exit_at)


def is_on_request(slot: FormSlot) -> bool:
    """Whether staff asked for this form beside the schedule."""
    return "-" in slot.visit  # `UNS-1`, `BL-2`: no code of the schedule holds a hyphen


def _again(plan: Plan, slot: Slot, anchors: Mapping[str, AnchorDate]) -> tuple[PlannedSlot, ...]:
    """A requested visit under these anchors; a repeated baseline ends with the one it repeats."""
    visit, number = slot.visit.split("-")
    if slot.out_of_plan:
        return ()
    if slot.opens_on is None:
        return (planned_slot(slot),)
    try:
        planned_visit = plan_requested_visit(plan, visit, int(number), slot.opens_on, slot.zone, anchors)
    except Refused:  # the day it was requested for now lies outside the window it repeats
        return (planned_slot(slot),)
    return tuple(planned for planned in planned_visit if planned.instrument == slot.instrument)


def apply_proposal(
    installation: Installation,
    work: UnitOfWork,
    plan: Plan,
    participant: Participant,
    proposal: ScheduleProposal,
) -> None:
    """Create the forms that are new, move those nobody began, and flag what the plan has no more.

    What is missed thereby is `administrative`. The unit of work ends by telling the feed.
    """
    publish_acts_of(installation, work, key_of(participant))
    if not proposal.changes:
        return
    slots = {key_of(slot): slot for slot in list_slots(work.session, key_of(participant))}
    changed = []
    positions = {planned.key: position for position, planned in enumerate(proposal.planned)}
    for move in proposal.changes:
        if move.standing is not None:
            slot = slots[move.standing.key]
            _apply_move(slot, move, touched=move.standing.is_touched)
            code = move.planned.visit if move.planned is not None else out_of_plan_code(move.standing)
            changed.append((slot, code))
    new = [
        new_slot_values(plan, participant, move.planned, positions[move.planned.key], work.at)
        | {"missed_reason": ADMINISTRATIVE if move.would_be_missed else None}
        for move in proposal.changes
        if move.standing is None and move.planned is not None
    ]
    rename_slots(work.session, changed)
    _set_next_due(installation.library, work, plan, participant, [slot for slot, _code in changed])
    work.insert_rows(Slot, new)


def _apply_move(slot: Slot, move: SlotMove, *, touched: bool) -> None:
    """Change one form but for its code. A touched one keeps window, day and answers."""
    planned = move.planned
    if planned is None:
        leave_plan(slot, touched=touched)
        return
    if slot.out_of_plan:
        slot.out_of_plan = False
        slot.excused = None if slot.excused == NOT_IN_PLAN else slot.excused
    if touched:
        slot.window_version += 1
    else:
        _follow_version(slot, planned)
        set_window(slot, planned.window)
        slot.for_day = planned.for_day
        if move.would_be_missed:
            slot.missed_reason = slot.missed_reason or ADMINISTRATIVE


def _follow_version(slot: Slot, planned: PlannedSlot) -> None:
    """Let a form be one of the plan's version that has it there."""
    slot.plan_version, slot.instrument_version = planned.plan_version, planned.instrument_version
    slot.series, slot.anchor = planned.series, planned.anchor
    slot.arm_revealing = planned.arm_revealing


def leave_plan(slot: Slot, *, touched: bool) -> None:
    """Flag a form that the plan has no more, which is told anew; one that is not touched is excused."""
    slot.out_of_plan, slot.window_version = True, slot.window_version + 1
    if not touched:
        slot.excused = slot.excused or NOT_IN_PLAN


def rename_slots(session: Session, changed: Sequence[tuple[Slot, str]]) -> None:
    """Give codes anew, each once nobody else of the participant holds it: the database wants that always."""
    session.flush()
    waiting = [(slot, code) for slot, code in changed if slot.visit != code]
    while waiting:
        taken = {(slot.visit, slot.instrument) for slot, _code in waiting}
        free = [(slot, code) for slot, code in waiting if (code, slot.instrument) not in taken]
        # Forms that exchange their codes wait for one another: one of them steps aside.
        for slot, code in free or [(waiting[0][0], f"TMP{waiting[0][0].id}")]:
            slot.visit = code
        session.flush()
        waiting = [(slot, code) for slot, code in waiting if slot.visit != code]


def _set_next_due(
    library: Library, work: UnitOfWork, plan: Plan, participant: Participant, slots: Sequence[Slot]
) -> None:
    preference, sent = reminder_preference(participant), used_up_kinds(work.session, slots)
    for slot in slots:
        own = library.plan(plan.id, slot.plan_version)
        slot.wake_at = next_due_at(own, slot, sent[key_of(slot)], work.at, preference)


def new_slot_values(
    plan: Plan, participant: Participant, planned: PlannedSlot, position: int, at: datetime
) -> dict[str, Any]:
    """A new expected form of this participant by the names of its columns.

    A participant has some 250 of them, made at once: as objects of the ORM they would take ten times as long.
    """
    window = planned.window
    preference = reminder_preference(participant)
    reminders = plan_reminders(plan, planned, preference.clock)
    facts = SlotFacts(exit=_exit_of(participant))
    return {
        "public_id": new_public_id(),
        "study_id": participant.study_id,
        "participant_id": key_of(participant),
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
        "wake_at": next_due_moment(window, reminders, facts, None, (), at, preference.not_before),
    }


def apply_exit(
    library: Library, session: Session, participant: Participant, left: Exit | None, at: datetime
) -> None:
    """Repeat the exit in force on the participant and every slot not submitted (None takes it away)."""
    participant.exit_kind = left.kind if left else None
    participant.exit_at = left.at if left else None
    for slot in list_unsubmitted_slots(session, participant):
        slot.exit_kind, slot.exit_at = participant.exit_kind, participant.exit_at
    refresh_next_due(library, session, participant, at)
