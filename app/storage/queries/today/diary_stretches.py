"""Stretches of the diary that nobody has explained, of many participants at once.

The SQL twin of `app.domain.desk.diary_gaps.find_diary_gaps`; a test proves the two equal.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.desk.diary_gaps import LEAST_DAYS
from app.domain.plans.plan import DiaryRule
from app.domain.plans.status import Status
from app.storage.queries.slots import code_literal, status_expression
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot


@dataclass(frozen=True, slots=True)
class StretchSearch:
    """At which sites of a study, by which rule of its diary, and when.

    `hides_arm`: without forms that would tell the arm.
    """

    sites: Collection[int]
    diary: DiaryRule
    at: datetime
    hides_arm: bool

    def values(self) -> Mapping[str, Any]:
        """The parameters of the statements."""
        weekly = sorted(self.diary.weekly_codes)
        return {"sites": list(self.sites), "series": self.diary.series, "weekly": weekly, "now": self.at}


class Candidate(NamedTuple):
    """A participant with an entry that was missed and not explained."""

    key: int
    public_id: str
    subject: str
    site_id: int


class DiaryStretch(NamedTuple):
    """A stretch of a participant's diary: its first day, that of its last entry, and how much it is."""

    participant_id: int
    first: date
    last_entry: date
    days: int
    entries: int
    ends_weekly: bool


_NOW = sa.bindparam("now", type_=table_of(Slot).c.opens_at.type)
_OF_DIARY = (
    col(Slot.series) == sa.bindparam("series", type_=sa.String),
    col(Slot.for_day).is_not(None),
)
_UNEXPLAINED = sa.and_(
    status_expression(_NOW) == code_literal(Status.missed),
    sa.func.coalesce(col(Slot.missed_reason), "") == "",
    col(Slot.out_of_plan).is_(sa.false()),
)
_WEEKLY = col(Slot.visit).in_(sa.bindparam("weekly", expanding=True))


def list_candidates(
    connection: Connection, search: StretchSearch, after: str, most: int
) -> Sequence[Candidate]:
    """Those who may have such a stretch, by code, from a code on."""
    unexplained = sa.exists().where(
        col(Slot.participant_id) == col(Participant.id), *_OF_DIARY, _UNEXPLAINED, *_shown(search)
    )
    shown: tuple[Any, ...] = (
        col(Participant.id),
        col(Participant.public_id),
        col(Participant.subject),
        col(Participant.site_id),
    )
    statement = (
        sa.select(*shown)
        .where(
            col(Participant.site_id).in_(sa.bindparam("sites", expanding=True)),
            col(Participant.subject) > after,
            unexplained,
        )
        .order_by(col(Participant.subject), col(Participant.id))
        .limit(most)
    )
    return [Candidate(*row) for row in connection.execute(statement, search.values())]


def list_stretches(
    connection: Connection, search: StretchSearch, people: Collection[int]
) -> Sequence[DiaryStretch]:
    """The stretches of these participants, the earliest first: entries in a row, of `LEAST_DAYS` or more."""
    ends = sa.case((_UNEXPLAINED, 0), else_=1)
    in_order = sa.func.sum(ends).over(
        partition_by=col(Slot.participant_id), order_by=(col(Slot.for_day), col(Slot.public_id))
    )
    entries = (
        sa.select(
            col(Slot.participant_id),
            col(Slot.for_day),
            sa.case((_WEEKLY, 7), else_=1).label("days"),
            _UNEXPLAINED.label("unexplained"),
            in_order.label("stretch"),
        )
        .where(col(Slot.participant_id).in_(people), *_OF_DIARY, *_shown(search))
        .subquery()
    )
    first, last = sa.func.min(entries.c.for_day), sa.func.max(entries.c.for_day)
    days = sa.func.sum(entries.c.days)
    last_weekly = sa.func.max(sa.case((entries.c.days > 1, entries.c.for_day)))
    statement = (
        sa.select(
            entries.c.participant_id,
            first.label("first"),
            last.label("last_entry"),
            days.label("days"),
            sa.func.count().label("entries"),
            sa.case((last_weekly == last, sa.true()), else_=sa.false()).label("ends_weekly"),
        )
        .where(entries.c.unexplained)
        .group_by(entries.c.participant_id, entries.c.stretch)
        .having(days >= LEAST_DAYS)
        .order_by(first)
    )
    rows = connection.execute(statement, search.values())
    return [DiaryStretch(*row) for row in rows]


def _shown(search: StretchSearch) -> tuple[sa.ColumnElement[bool], ...]:
    return (col(Slot.arm_revealing).is_(sa.false()),) if search.hides_arm else ()
