"""Missed entries of the diary that nobody has explained, of many participants at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.plans.status import Status
from app.storage.queries.participants import code_pattern, holds_code
from app.storage.queries.slots import code_literal, status_expression
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot


@dataclass(frozen=True, slots=True)
class DiarySearch:
    """At which sites of a study, in which series of forms, and when.

    `hides_arm`: without forms that would tell the arm. `subject` is part of a code.
    """

    sites: Collection[int]
    series: str
    at: datetime
    hides_arm: bool
    subject: str = ""
    language: str = ""

    def bind_values(self) -> Mapping[str, Any]:
        """The parameters of the statements."""
        return {"sites": list(self.sites), "series": self.series, "now": self.at}

    def narrow_people(self) -> Iterator[sa.ColumnElement[bool]]:
        """What narrows the participants."""
        if self.subject:
            yield holds_code(sa.literal(code_pattern(self.subject)))
        if self.language:
            yield col(Participant.language) == self.language


class Candidate(NamedTuple):
    """A participant with an entry that was missed and not explained."""

    key: int
    public_id: str
    subject: str
    site_id: int


class UnexplainedDay(NamedTuple):
    """An entry of a participant's diary: its own id, the day for which it stands, and its code."""

    participant_id: int
    public_id: str
    day: date
    visit: str


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


def list_candidates(
    connection: Connection, search: DiarySearch, after: str, most: int
) -> Sequence[Candidate]:
    """The participants who missed such an entry, by code, from a code on."""
    # Not EXISTS: PostgreSQL takes the condition for rare and would read every form there is, once for each.
    of_one = (col(Slot.participant_id) == col(Participant.id), *_OF_DIARY, _UNEXPLAINED, *_shown(search))
    unexplained = sa.select(col(Slot.id)).where(*of_one).limit(1).scalar_subquery().is_not(None)
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
            *search.narrow_people(),
        )
        .order_by(col(Participant.subject), col(Participant.id))
        .limit(most)
    )
    return [Candidate(*row) for row in connection.execute(statement, search.bind_values())]


def list_unexplained_days(
    connection: Connection, search: DiarySearch, people: Collection[int]
) -> Sequence[UnexplainedDay]:
    """The missed entries of these participants that nobody has explained."""
    columns: tuple[Any, ...] = (
        col(Slot.participant_id),
        col(Slot.public_id),
        col(Slot.for_day),
        col(Slot.visit),
    )
    statement = sa.select(*columns).where(
        col(Slot.participant_id).in_(people), *_OF_DIARY, _UNEXPLAINED, *_shown(search)
    )
    return [UnexplainedDay(*row) for row in connection.execute(statement, search.bind_values())]


def _shown(search: DiarySearch) -> tuple[sa.ColumnElement[bool], ...]:
    return (col(Slot.arm_revealing).is_(sa.false()),) if search.hides_arm else ()
