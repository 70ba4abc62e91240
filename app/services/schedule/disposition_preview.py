"""What a disposition would stop, listed for staff before they confirm it."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session

from app.domain.plans.plan import Plan
from app.domain.plans.status import ANSWERABLE, Exit, ExitKind, Status, derive_status
from app.domain.plans.windows import start_of_day
from app.domain.records.dispositions import DispositionKind
from app.services.schedule.dispositions import DispositionEntry, effective_date
from app.storage.queries.slots import is_diary_slot, list_slots, slot_facts, slot_status, window_of_slot
from app.storage.tables.columns import key_of
from app.storage.tables.participants import Participant

_AHEAD = ANSWERABLE | {Status.planned, Status.waiting}


@dataclass(frozen=True, slots=True)
class DispositionPreview:
    """The day that counts, and what ends: forms asked no more, messages and sign-in, or nothing."""

    effective_on: date
    ends: bool
    forms: tuple[str, ...]
    diary_days: int
    opens_early_termination: bool


def preview_disposition(
    session: Session, plan: Plan, participant: Participant, entry: DispositionEntry, at: datetime
) -> DispositionPreview:
    """What this disposition would end. Changes nothing; raises as `record_disposition`."""
    effective_on = effective_date(session, entry, participant, at)
    ends = entry.kind.value in set(ExitKind)
    if not ends:
        return DispositionPreview(
            effective_on, False, (), 0, entry.kind is DispositionKind.withdrew_treatment
        )
    left = Exit(ExitKind(entry.kind.value), start_of_day(effective_on, participant.zone))
    ended = [
        slot
        for slot in list_slots(session, key_of(participant))
        if slot_status(slot, at) in _AHEAD
        and derive_status(window_of_slot(slot), replace(slot_facts(slot), exit=left), at) not in _AHEAD
    ]
    forms = tuple(slot.visit for slot in ended if not is_diary_slot(plan, slot))
    return DispositionPreview(effective_on, True, forms, len(ended) - len(forms), False)
