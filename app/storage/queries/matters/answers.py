"""The answers that an open matter is about: two phones' answers to one question."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from app.domain.instruments.responses import AnswerValue
from app.storage.queries.matters.branches import EARLIER, LATER, UNAWARE

_CONFLICTS = (
    sa.select(
        LATER.c.slot_id,
        LATER.c.item,
        EARLIER.c.received_at.label("earlier_at"),
        LATER.c.received_at.label("later_at"),
    )
    .join_from(LATER, EARLIER, UNAWARE)
    .order_by(LATER.c.id, EARLIER.c.id)
)
_OF_FORM = _CONFLICTS.add_columns(
    EARLIER.c.value.label("earlier_value"),
    EARLIER.c.words.label("earlier_words"),
    LATER.c.value.label("later_value"),
    LATER.c.words.label("later_words"),
).where(LATER.c.slot_id == sa.bindparam("slot", type_=sa.BigInteger))


class ConflictingAnswers(NamedTuple):
    """Two answers to one question by two phones, and when each was received."""

    item: str
    earlier: AnswerValue
    earlier_at: datetime
    later: AnswerValue
    later_at: datetime


def read_conflicting_answers(session: Session, slot_id: int) -> Sequence[ConflictingAnswers]:
    """Every pair of a form, in the order in which they came."""
    rows = session.connection().execute(_OF_FORM, {"slot": slot_id})
    return [
        ConflictingAnswers(
            row.item,
            row.earlier_value if row.earlier_words is None else row.earlier_words,
            row.earlier_at,
            row.later_value if row.later_words is None else row.later_words,
            row.later_at,
        )
        for row in rows
    ]
