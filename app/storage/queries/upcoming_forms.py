"""What lies before a participant, in one small read: forms that take answers now, and the next opening."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.domain.capture.answers import HelpedBy
from app.domain.plans.status import ANSWERABLE, ExitKind
from app.storage.database.grouped_reads import DocumentColumn
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
_NEXT = (
    sa.select(sa.func.min(_LATER.c.opens_at))
    .where(
        _LATER.c.participant_id == col(Participant.id), _LATER.c.excused.is_(None), _LATER.c.opens_at > _NOW
    )
    .scalar_subquery()
)


def _open(slot: type[Slot]) -> sa.ColumnElement[bool]:
    """Which forms of a participant take answers now."""
    # The two moments let the index find the few rows that the states are then made of.
    return sa.and_(
        col(slot.participant_id) == col(Participant.id),
        col(slot.opens_at) <= _NOW,
        col(slot.grace_until) > _NOW,
        status_expression(_NOW, slot).in_([code_literal(state) for state in sorted(ANSWERABLE)]),
    )


_READ = PlainRead(
    sa.select(
        col(Participant.exit_kind),
        _NEXT.label("next_at"),
        *(getattr(Slot, name) for name in UpcomingForm._fields),
    )
    .select_from(sa.outerjoin(Participant, Slot, _open(Slot)))
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


_OTHER = aliased(Slot, name="other")
_BESIDE = DocumentColumn(
    sa.select(
        *(getattr(_OTHER, name) for name in UpcomingForm._fields), col(_OTHER.closes_at), col(_OTHER.position)
    ).where(_open(_OTHER), col(_OTHER.id) != col(Slot.id)),
    UpcomingForm._make,
    sorted_by=2,
)
BESIDE_FORM: tuple[sa.ColumnElement[Any], ...] = (_NEXT, _BESIDE.column)
"""Columns of a statement that reads a slot and its participant at `at`: what lies before them beside it."""


def read_beside_form(
    next_at: datetime | None, document: str | None, exit_kind: ExitKind | None, dialect: Dialect
) -> UpcomingForms:
    """What `BESIDE_FORM` read of somebody who left the study so, if they did."""
    return UpcomingForms(_BESIDE.read(document, dialect), None if exit_kind else next_at)
