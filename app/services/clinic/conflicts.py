"""Answers to one question from two phones, neither of which knew of the other's (OFF-05).

Both are kept and the later one is current. Whether one phone knew is told by the revision of the draft on
which its answer was based.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from app.storage.queries.matters.branches import EARLIER, LATER, UNAWARE
from app.storage.tables.schedule import Slot

_FOUND = (
    sa.select(LATER.c.slot_id, LATER.c.item, EARLIER.c.received_at, LATER.c.received_at.label("later_at"))
    .join_from(LATER, EARLIER, UNAWARE)
    .join(Slot, col(Slot.id) == LATER.c.slot_id)
    .where(col(Slot.participant_id) == sa.bindparam("participant"))
    .order_by(LATER.c.id, EARLIER.c.id)
)


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
    rows = session.connection().execute(_FOUND, {"participant": participant_id})
    return tuple(
        AnswerConflict(shown[row.slot_id], row.item, row.received_at, row.later_at)
        for row in rows
        if row.slot_id in shown
    )
