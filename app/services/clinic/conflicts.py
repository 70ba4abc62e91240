"""Answers to one question from two phones, neither of which knew of the other's (OFF-05).

Both are kept and the later one is current. Whether one phone knew is told by the revision of the draft on
which its answer was based.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.storage.queries.matters.answers import list_conflicting_items
from app.storage.tables.schedule import Slot


@dataclass(frozen=True, slots=True)
class AnswerConflict:
    """Two answers to one item of a form: when the earlier and the later, current one were received."""

    slot: Slot
    item: str
    earlier_at: datetime
    later_at: datetime


def list_conflicts(
    session: Session, participant_id: int, slots: Sequence[Slot]
) -> tuple[AnswerConflict, ...]:
    """Those of the forms that are shown, in the order in which they came; never the answers themselves."""
    shown = {slot.id: slot for slot in slots}
    return tuple(
        AnswerConflict(shown[row.slot_id], row.item, row.earlier_at, row.later_at)
        for row in list_conflicting_items(session, participant_id)
        if row.slot_id in shown
    )
