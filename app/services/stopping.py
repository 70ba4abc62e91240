"""What a disposition would do, shown before it is confirmed (N2.3)."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session

from app.domain.plan import Plan
from app.domain.status import ANSWERABLE, Exit, ExitKind, Status, status
from app.domain.window import day_start
from app.services.dispositions import DispositionEntry, Kind, effective_day
from app.services.participant_page import of_diary
from app.storage.people import Participant
from app.storage.slots import facts_of, slots_of, status_of, window_of_slot

_AHEAD = ANSWERABLE | {Status.planned, Status.waiting}


@dataclass(frozen=True, slots=True)
class Stop:
    """The day that counts, and what ends: forms asked no more, messages and sign-in, or nothing."""

    effective_on: date
    ends: bool
    forms: tuple[str, ...]
    diary_days: int
    opens_early_termination: bool


def what_stops(
    session: Session, plan: Plan, participant: Participant, entry: DispositionEntry, at: datetime
) -> Stop:
    """What this disposition would end. Changes nothing; raises as `record_disposition`."""
    effective_on = effective_day(session, entry, participant, at)
    ends = entry.kind.value in set(ExitKind)
    if not ends:
        return Stop(effective_on, False, (), 0, entry.kind is Kind.withdrew_treatment)
    left = Exit(ExitKind(entry.kind.value), day_start(effective_on, participant.zone))
    ended = [
        slot
        for slot in slots_of(session, participant.id or 0)
        if status_of(slot, at) in _AHEAD
        and status(window_of_slot(slot), replace(facts_of(slot), exit=left), at) not in _AHEAD
    ]
    forms = tuple(slot.visit for slot in ended if not of_diary(plan, slot))
    return Stop(effective_on, True, forms, len(ended) - len(forms), False)
