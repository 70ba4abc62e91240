"""Storing what a plan asks for: slots created ahead, those moved that nobody began, and those taken away.

Rules give the record of a slot as it will be; storage writes what differs from the one that was read.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from app.definitions.library import Library
from app.domain.plans.plan import Plan
from app.domain.plans.reminders import next_due_moment, plan_reminders
from app.domain.plans.rescheduling import SlotMove, out_of_plan_code
from app.domain.plans.schedule import PlannedSlot
from app.domain.plans.status import Exit, SlotFacts
from app.services.core.identifiers import new_public_id
from app.services.core.installation import Installation
from app.services.schedule.next_due import list_unsubmitted_slots, next_due_moments
from app.services.schedule.reminder_preference import reminder_preference
from app.services.schedule.slot_publication import ADMINISTRATIVE, publish_acts_of
from app.services.schedule.slots import ScheduleProposal, exit_of
from app.storage.plain_rows import SlotRecord
from app.storage.queries.slots import window_columns, with_window
from app.storage.tables.participants import Participant
from app.storage.unit_of_work import UnitOfWork

NOT_IN_PLAN = "not_in_plan"
"""Why a slot is excused that a corrected arm or anchor no longer asks for."""


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
    publish_acts_of(installation, work, participant.id)
    if not proposal.changes:
        return
    slots = {slot.id: slot for slot in proposal.slots}
    moves = [(slots[move.standing.key], move) for move in proposal.changes if move.standing is not None]
    moved = [(slot, move_slot(slot, move)) for slot, move in moves]
    forms = [new for _slot, new in moved]
    due = next_due_moments(installation.library, work.session, participant, forms, work.at)
    change_slots(work, participant, [(slot, new._replace(wake_at=due[slot.id])) for slot, new in moved])
    positions = {planned.key: position for position, planned in enumerate(proposal.planned)}
    created = [
        new_slot_values(plan, participant, move.planned, positions[move.planned.key], work.at)
        | {"missed_reason": ADMINISTRATIVE if move.would_be_missed else None}
        for move in proposal.changes
        if move.standing is None and move.planned is not None
    ]
    work.insert_slots(created)


def move_slot(slot: SlotRecord, move: SlotMove) -> SlotRecord:
    """A form of the participant after its move. A touched one keeps window, day and answers."""
    planned, standing = move.planned, move.standing
    touched = standing is not None and standing.is_touched
    if planned is None:
        code = out_of_plan_code(standing) if standing is not None else slot.visit
        return leave_plan(slot, touched=touched)._replace(visit=code)
    if slot.out_of_plan:
        excused = None if slot.excused == NOT_IN_PLAN else slot.excused
        slot = slot._replace(out_of_plan=False, excused=excused)
    if touched:
        return slot._replace(visit=planned.visit, window_version=slot.window_version + 1)
    return with_window(slot, planned.window)._replace(
        visit=planned.visit,
        plan_version=planned.plan_version,
        instrument_version=planned.instrument_version,
        series=planned.series,
        anchor=planned.anchor,
        arm_revealing=planned.arm_revealing,
        for_day=planned.for_day,
        missed_reason=slot.missed_reason or (ADMINISTRATIVE if move.would_be_missed else None),
    )


def leave_plan(slot: SlotRecord, *, touched: bool) -> SlotRecord:
    """A form that the plan has no more, which is told anew; one that is not touched is excused."""
    excused = slot.excused if touched else slot.excused or NOT_IN_PLAN
    return slot._replace(out_of_plan=True, window_version=slot.window_version + 1, excused=excused)


def change_slots(
    work: UnitOfWork, participant: Participant, changed: Iterable[tuple[SlotRecord, SlotRecord]]
) -> None:
    """Write slots of the participant as they will be, beside what they were read as.

    A code is given once no other form of theirs holds it: the database wants that always.
    """
    moved = [(slot, new._replace(visit=slot.visit), new.visit) for slot, new in changed]
    work.update_slots(participant.id, [(slot, new) for slot, new, _code in moved])
    renamed = rename_steps([(new, code) for _slot, new, code in moved])
    work.update_slots(participant.id, list(renamed))


def rename_steps(changed: Iterable[tuple[SlotRecord, str]]) -> Iterator[tuple[SlotRecord, SlotRecord]]:
    """The steps in which forms of one participant get these codes, each once nobody holds it."""
    targets = {(code, slot.instrument): slot for slot, code in changed if slot.visit != code}
    occupied = {(slot.visit, slot.instrument) for slot in targets.values()}
    free = [key for key in targets if key not in occupied]
    while targets:
        if not free:  # forms that exchange their codes wait for one another: one of them steps aside
            key, slot = next(iter(targets.items()))
            targets[key] = slot._replace(visit=f"TMP{slot.id}")
            yield slot, targets[key]
            free.append((slot.visit, slot.instrument))
        key = free.pop()
        while (mover := targets.pop(key, None)) is not None:
            yield mover, mover._replace(visit=key[0])
            key = (mover.visit, mover.instrument)


def new_slot_values(
    plan: Plan, participant: Participant, planned: PlannedSlot, position: int, at: datetime
) -> dict[str, Any]:
    """A new expected form of this participant by the names of its columns.

    A participant has some 250 of them, made at once: as objects of the ORM they would take ten times as long.
    """
    window = planned.window
    preference = reminder_preference(participant)
    reminders = plan_reminders(plan, planned, preference.clock)
    facts = SlotFacts(exit=exit_of(participant))
    return {
        "public_id": new_public_id(),
        "study_id": participant.study_id,
        "participant_id": participant.id,
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
        **window_columns(window),
        "window_version": 1,
        "wake_at": next_due_moment(window, reminders, facts, None, (), at, preference.not_before),
    }


def apply_exit(library: Library, work: UnitOfWork, participant: Participant, exit_: Exit | None) -> None:
    """Copy the exit in force to the participant and to every slot not submitted (None clears it)."""
    participant.exit_kind = exit_.kind if exit_ else None
    participant.exit_at = exit_.at if exit_ else None
    slots = list_unsubmitted_slots(work.session, participant)
    ended = [slot._replace(exit_kind=participant.exit_kind, exit_at=participant.exit_at) for slot in slots]
    due = next_due_moments(library, work.session, participant, ended, work.at)
    changed = [(slot, new._replace(wake_at=due[new.id])) for slot, new in zip(slots, ended, strict=True)]
    work.update_slots(participant.id, changed)
