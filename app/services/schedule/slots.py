"""From plan and dated facts to the schedule that a participant should have, compared with their slots."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from app.definitions.library import Library
from app.domain.capture.slot_view import FormSlot
from app.domain.plans.plan import Plan
from app.domain.plans.rescheduling import (
    SlotMove,
    StandingSlot,
    WindowMove,
    is_touched,
    merge_versions,
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
from app.domain.plans.status import Exit
from app.domain.records.anchors import AnchorStanding
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan_of
from app.storage.database.plain_reads import PlainRead
from app.storage.plain_rows import SlotRecord
from app.storage.queries.participants import get_readable_slot
from app.storage.queries.slots import (
    StoredSlot,
    is_diary_slot,
    paper_waits,
    planned_slot,
    slot_facts,
)
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import PaperEntry
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor, Slot, VisitRecord
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ScheduleProposal:
    """What a changed fact would do to a participant's forms, in the plan's order.

    `slots` are the forms as they stand, no consequence of it. `standing`: whether the fact would be in force;
    one that only differs changes nothing.
    """

    changes: tuple[SlotMove, ...]
    planned: tuple[PlannedSlot, ...]
    slots: Sequence[SlotRecord] = field(default=(), repr=False, compare=False)
    standing: AnchorStanding = AnchorStanding.CURRENT

    @property
    def moves(self) -> tuple[WindowMove, ...]:
        """The windows that move, appear or end, as they are shown."""
        return window_moves(self.changes)

    @property
    def would_be_missed(self) -> tuple[SlotKey, ...]:
        """The forms that would be missed by this at once."""
        return tuple(
            change.planned.key
            for change in self.changes
            if change.would_be_missed and change.planned is not None
        )

    def require_confirmed(self, confirmed: bool) -> None:
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


_PARTICIPANT = sa.bindparam("participant", type_=sa.Integer)
_ANCHORS = PlainRead(
    sa.select(col(Anchor.kind), col(Anchor.dated_on), col(Anchor.dated_at)).where(
        col(Anchor.participant_id) == _PARTICIPANT, col(Anchor.standing) == AnchorStanding.CURRENT
    )
)
_VISITS = PlainRead(
    sa.select(col(VisitRecord.visit), col(VisitRecord.dated_on)).where(
        col(VisitRecord.participant_id) == _PARTICIPANT,
        col(VisitRecord.state) == "occurred",
        col(VisitRecord.dated_on).is_not(None),
    )
)
_WAITING_PAPER = PlainRead(
    sa.select(col(PaperEntry.slot_id)).where(col(PaperEntry.participant_id) == _PARTICIPANT, *paper_waits())
)


def current_anchors(session: Session, participant_id: int) -> dict[str, AnchorDate]:
    """The anchors in force, and under `visit:<code>` the actual dates of visits."""
    session.flush()
    connection, theirs = session.connection(), {"participant": participant_id}
    anchors = {row[0]: AnchorDate(*row) for row in _ANCHORS.fetch(connection, theirs)}
    for visit, dated_on in _VISITS.fetch(connection, theirs):
        anchors[VISIT + visit] = AnchorDate(VISIT + visit, dated_on)
    return anchors


def find_waiting_paper(session: Session, participant_id: int) -> frozenset[int]:
    """The participant's forms of which one of two paper entries was made, or two that differ.

    Nobody may take such a form away, as if nobody had begun it: the pair could then only be set aside.
    Whether two are asked for is said by the version of the form, not by that of its participant.
    """
    rows = _WAITING_PAPER.fetch(session.connection(), {"participant": participant_id})
    return frozenset(slot_id for (slot_id,) in rows)


def is_slot_touched(slot: StoredSlot, waiting_paper: Collection[int]) -> bool:
    """Whether somebody began or answered this form; `waiting_paper` as `find_waiting_paper` gives it."""
    return is_touched(slot_facts(slot), paper_waits=slot.id in waiting_paper)


def propose_schedule(
    session: Session,
    library: Library,
    plan: Plan,
    participant: Participant,
    slots: Sequence[SlotRecord],
    anchors: Mapping[str, AnchorDate],
    at: datetime,
) -> ScheduleProposal:
    """What the schedule would be under these anchors, compared with the slots as they stand.

    A form of an earlier version of the plan is where that version has it.
    """
    waiting = find_waiting_paper(session, participant.id)
    standing = [standing_slot(plan, slot, waiting) for slot in slots]
    unchanged = [form for form in standing if form.stays_earlier(plan.version)]
    return _propose(library, plan, participant, slots, anchors, standing, unchanged, at)


def propose_amendment(
    library: Library,
    plan: Plan,
    participant: Participant,
    slots: Sequence[SlotRecord],
    anchors: Mapping[str, AnchorDate],
    entered: Collection[int],
    at: datetime,
) -> ScheduleProposal:
    """The schedule of a participant who is to follow this version of the plan from now on.

    Forms that were begun, or are over, stay with their own version, and so do those `entered` from paper,
    once so far; all others become forms of this one.
    """
    standing = [standing_slot(plan, slot, entered) for slot in slots]
    unchanged = [form for form in standing if form.outlasts_amendment(plan.version, at)]
    return _propose(library, plan, participant, slots, anchors, standing, unchanged, at)


def _propose(
    library: Library,
    plan: Plan,
    participant: Participant,
    slots: Sequence[SlotRecord],
    anchors: Mapping[str, AnchorDate],
    standing: Sequence[StandingSlot],
    unchanged: Sequence[StandingSlot],
    at: datetime,
) -> ScheduleProposal:
    """`unchanged` are the forms that are where an earlier version of the plan has them."""
    earlier = {
        version: library.get_plan(plan.id, version)
        for version in {form.planned.plan_version for form in unchanged}
    }
    by_version = {
        version: plan_slots(its_plan, anchors, participant.arm, participant.zone)
        for version, its_plan in earlier.items()
    }
    own = {form.key: earlier[form.planned.plan_version] for form in unchanged}
    on_request = (
        planned
        for slot in slots
        if is_on_request(slot)
        for planned in _again(own.get(slot.id, plan), slot, anchors)
    )
    scheduled = [form for form in unchanged if not form.on_request]
    present = plan_slots(plan, anchors, participant.arm, participant.zone)
    planned = (*merge_versions(present, scheduled, by_version), *on_request)
    return ScheduleProposal(plan_moves(standing, planned, exit_of(participant), at), planned, slots)


def standing_slot(plan: Plan, slot: SlotRecord, waiting_paper: Collection[int]) -> StandingSlot:
    """A stored form as the domain compares it with the plan; `waiting_paper` as above."""
    return StandingSlot(
        slot.id,
        planned_slot(slot),
        slot_facts(slot),
        is_diary=is_diary_slot(plan, slot),
        on_request=is_on_request(slot),
        out_of_plan=slot.out_of_plan,
        paper_waits=slot.id in waiting_paper,
    )


def exit_of(participant: Participant) -> Exit | None:
    """The exit in force of a participant."""
    if participant.exit_kind is None or participant.exit_at is None:
        return None
    return Exit(participant.exit_kind, participant.exit_at)


def is_on_request(slot: FormSlot) -> bool:
    """Whether staff asked for this form beside the schedule."""
    return "-" in slot.visit  # `UNS-1`, `BL-2`: no code of the schedule holds a hyphen


def _again(plan: Plan, slot: SlotRecord, anchors: Mapping[str, AnchorDate]) -> tuple[PlannedSlot, ...]:
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
