"""What lies before a participant, in one small read: forms that take answers now, and the next opening."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.capture.answers import HelpedBy
from app.domain.plans.status import ANSWERABLE
from app.storage.database.plain_reads import PlainRead
from app.storage.queries.slots import code_literal, status_expression
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot


class UpcomingForm(NamedTuple):
    """A form that takes answers now: what it is and when it was begun."""

    public_id: str
    visit: str
    for_day: date | None
    target_on: date | None
    closes_on: date | None
    plan_version: str
    instrument: str
    instrument_version: str
    begun_at: datetime | None
    helped_by: HelpedBy | None


_NOW = sa.bindparam("at", type_=sa.inspect(Slot).columns.opens_at.type)
_LATER = table_of(Slot).alias("later")
_NEXT = sa.select(sa.func.min(_LATER.c.opens_at)).where(
    _LATER.c.participant_id == col(Participant.id), _LATER.c.excused.is_(None), _LATER.c.opens_at > _NOW
)
# The two moments let the index find the few rows that the states are then made of.
_OPEN = sa.and_(
    col(Slot.participant_id) == col(Participant.id),
    col(Slot.opens_at) <= _NOW,
    col(Slot.grace_until) > _NOW,
    status_expression(_NOW).in_([code_literal(state) for state in sorted(ANSWERABLE)]),
)
_READ = PlainRead(
    sa.select(
        col(Participant.exit_kind),
        _NEXT.scalar_subquery().label("next_at"),
        *(getattr(Slot, name) for name in UpcomingForm._fields),
    )
    .select_from(sa.outerjoin(Participant, Slot, _OPEN))
    .where(col(Participant.id) == sa.bindparam("participant"))
    .order_by(col(Slot.closes_at), col(Slot.position))
)


@dataclass(frozen=True, slots=True)
class UpcomingForms:
    """The forms that take answers now, and when the next one opens."""

    open: Sequence[UpcomingForm]
    next_at: datetime | None


def read_upcoming_forms(connection: Connection, participant_id: int, at: datetime) -> UpcomingForms:
    """What this participant can answer at `at`, and when the next form opens, if they stay."""
    rows = _READ.fetch(connection, {"participant": participant_id, "at": at})
    # The outer join gives one row without a form where there is none.
    forms = [UpcomingForm._make(row[2:]) for row in rows if row[2] is not None]
    exit_kind, next_at = rows[0][:2]
    return UpcomingForms(forms, None if exit_kind else next_at)
