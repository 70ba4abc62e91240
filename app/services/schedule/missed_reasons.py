"""Why a form or a stretch of diary days was missed: a closed list with a note, by site staff (REP-04)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.capture.slot_view import SlotView
from app.domain.desk.diary_gaps import DiaryEntry, DiaryGap, find_diary_gaps, is_unexplained
from app.domain.plans.plan import MissedReason, Plan, weekly_codes
from app.domain.plans.publication import FORM_MISSED
from app.domain.plans.status import Status
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.refusal import Refused
from app.domain.typed_text import trim_words
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan_of, list_plans_of_forms
from app.services.schedule.slot_publication import publish_slot
from app.services.schedule.slots import lock_form
from app.storage.queries.participants import list_readable_slots
from app.storage.queries.slots import is_diary_slot, slot_status
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ShownGap:
    """A gap as a page showed it: from which day to which, and how many entries it has."""

    first: date
    last: date
    entries: int


def record_missed_reason(
    context: StaffContext,
    participant_id: int,
    slot_id: str,
    reason: str,
    note: str,
) -> None:
    """Say, or say better, why a form was missed; the EDC is told again, with the reason.

    Raises Refused: "unknown_slot" (also for one that this actor may not see), "not_missed",
    "unknown_reason" naming the plan's, "note_needed" for `other`.
    """
    with context.unit_of_work() as work:
        form = lock_form(context, work, participant_id, slot_id)
        if slot_status(form.slot, context.at) is not Status.missed:
            raise Refused("not_missed")
        _record(context, work, form.plan, [form.slot], reason, note)


def record_gap_reason(
    context: StaffContext, participant_id: int, shown: ShownGap, reason: str, note: str
) -> None:
    """Say why each entry of a diary gap was missed, in one act; the EDC is told of each.

    Raises Refused: "gap_changed" for a gap that is no longer the one that was shown, "unknown_reason" naming
    the plan's, "note_needed" for `other`.
    """
    with context.unit_of_work() as work:
        work.lock(participant_chain(participant_id))
        participant = work.session.get_one(Participant, participant_id)
        plan = get_plan_of(context.installation, work.session, participant)
        slots = list_readable_slots(work.session, context.actor, plan, participant)
        plans = list_plans_of_forms(context.installation.library, plan, slots)
        standing = ((slot, slot_status(slot, context.at)) for slot in slots)
        for gap in list_diary_gaps(plans, standing):
            if shown == ShownGap(gap.first, gap.last, len(gap.entries)):
                break
        else:
            raise Refused("gap_changed")
        missed = {entry.key for entry in gap.entries}
        _record(context, work, plan, [slot for slot in slots if slot.public_id in missed], reason, note)


def list_diary_gaps(plans: Sequence[Plan], slots: Iterable[tuple[SlotView, Status]]) -> tuple[DiaryGap, ...]:
    """The gaps in a participant's diary, of these forms as they stand; an entry's key is its public id.

    `plans` are the version of the plan that the participant follows and, behind it, those of other forms.
    """
    weekly = weekly_codes(plans)
    return find_diary_gaps(
        DiaryEntry(slot.public_id, slot.for_day, 7 if slot.visit in weekly else 1, unexplained=True)
        for slot, status in slots
        if slot.for_day is not None
        and is_unexplained(status, slot.missed_reason, out_of_plan=slot.out_of_plan)
        and is_diary_slot(plans[0], slot)
    )


def check_missed_reason(plan: Plan, reason: str, note: str) -> None:
    """Raises Refused: "unknown_reason", "note_needed" for a reason that says nothing by itself."""
    if reason not in plan.missed_reasons:
        raise Refused("unknown_reason", field="reason", allowed=tuple(plan.missed_reasons))
    if reason == MissedReason.other and not trim_words(note):
        raise Refused("note_needed", field="note")


def _record(
    context: StaffContext, work: UnitOfWork, plan: Plan, slots: Sequence[Slot], reason: str, note: str
) -> None:
    check_missed_reason(plan, reason, note)
    said, chain = trim_words(note) or None, participant_chain(slots[0].participant_id)
    # The entry names each form and its reason, also where only the note is another one.
    unchanged = [record_name(slot) for slot in slots if slot.missed_reason == reason]
    for slot in slots:
        slot.missed_reason, slot.missed_note = reason, said
    stated = [FieldChange(name, "missed_reason", reason, reason) for name in unchanged]
    work.record(AuditEvent.MISSED_REASON_RECORDED, chain, reason=said, changes=stated)
    for slot in slots:
        publish_slot(context.installation, work, slot, context.actor, FORM_MISSED)
