"""Visits beside the schedule that staff ask for: unscheduled ones and a repeated baseline."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from app.domain.people.names import require_reason
from app.domain.plans.plan import ENROLMENT
from app.domain.plans.schedule import AnchorDate, plan_requested_visit
from app.domain.plans.windows import local_day, start_of_day
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import trim_words
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan_of
from app.services.schedule.slot_changes import change_slots, leave_plan, new_slot_values
from app.services.schedule.slot_publication import publish_acts_of
from app.services.schedule.slots import (
    current_anchors,
    find_waiting_paper,
    is_on_request,
    is_slot_touched,
)
from app.storage.plain_rows import SlotRecord
from app.storage.queries.participants import get_participant
from app.storage.queries.slots import list_slot_records
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant

FURTHEST_AHEAD = timedelta(days=90)
"""How far ahead a visit beside the schedule may be asked for."""


def request_visit(
    context: StaffContext,
    study_id: int,
    subject: str,
    visit: str,
    on_day: date,
) -> tuple[str, ...]:
    """Create an unscheduled visit or a repeated baseline from a day on; returns the new visit codes.

    Raises Refused: "unknown_visit" naming those that can be requested, "outside_window", "anchor_unknown",
    "visit_exists" naming the one from that day, "date_out_of_range" with the days that can be asked for,
    "participation_ended" for a day on which they take part no more.
    """
    with context.unit_of_work() as work:
        participant = get_participant(work.session, study_id, subject)
        chain = participant_chain(participant.id)
        work.lock(chain)
        plan = get_plan_of(context.installation, work.session, participant)
        slots = list_slot_records(work.session, participant.id)
        anchors = current_anchors(work.session, participant.id)
        _check_day(participant, slots, anchors, visit, on_day, context.at)
        taken = {slot.visit for slot in slots}
        number = next(
            number
            for number in itertools.count(2 if visit in taken else 1)
            if f"{visit}-{number}" not in taken
        )
        planned = plan_requested_visit(plan, visit, number, on_day, participant.zone, anchors)
        rows = [
            new_slot_values(plan, participant, slot, position, context.at)
            for position, slot in enumerate(planned, start=len(slots))
        ]
        work.insert_slots(rows)
        work.record(AuditEvent.VISIT_REQUESTED, chain)
        return tuple(slot.visit for slot in planned)


def cancel_visit(context: StaffContext, study_id: int, subject: str, visit: str, reason: str) -> None:
    """Take back a visit beside the schedule that nobody began, with a reason; the EDC is told.

    Raises Refused: "reason_needed", "unknown_visit" naming those that can be cancelled, "visit_begun".
    """
    with context.unit_of_work() as work:
        participant = get_participant(work.session, study_id, subject)
        chain = participant_chain(participant.id)
        work.lock(chain)
        requested = [
            slot
            for slot in list_slot_records(work.session, participant.id)
            if is_on_request(slot) and not slot.out_of_plan
        ]
        slots = [slot for slot in requested if slot.visit == visit]
        check_all(lambda: require_reason(reason), lambda: _check_cancellable(visit, requested))
        waiting = find_waiting_paper(work.session, participant.id)
        if any(is_slot_touched(slot, waiting) for slot in slots):
            raise Refused("visit_begun", visit=visit)
        work.record(AuditEvent.VISIT_CANCELLED, chain, reason=trim_words(reason))
        publish_acts_of(context.installation, work, participant.id)
        rows = [(slot, leave_plan(slot, touched=False)._replace(wake_at=None)) for slot in slots]
        change_slots(work, participant, rows)


def _check_cancellable(visit: str, slots: Sequence[SlotRecord]) -> None:
    allowed = tuple(slot.visit for slot in slots)
    if visit not in allowed:
        raise Refused("unknown_visit", visit=visit, allowed=allowed)


def _check_day(
    participant: Participant,
    slots: Sequence[SlotRecord],
    anchors: Mapping[str, AnchorDate],
    visit: str,
    on_day: date,
    at: datetime,
) -> None:
    """A visit lies between enrolment and three months ahead, and there is one of a code a day."""
    low = anchors[ENROLMENT].on
    high = local_day(at, participant.zone) + FURTHEST_AHEAD
    if not low <= on_day <= high:
        raise Refused("date_out_of_range", date=on_day, low=low, high=high)
    if participant.exit_at is not None and start_of_day(on_day, participant.zone) >= participant.exit_at:
        raise Refused("participation_ended")
    for slot in slots:
        if slot.visit.startswith(f"{visit}-") and slot.opens_on == on_day and not slot.out_of_plan:
            raise Refused("visit_exists", visit=slot.visit, day=on_day)
