"""The work list: statements built once, when first needed; rows by keyset, counts, each from a partial index.

Every branch is bounded by now and by a horizon (now and the longest window), so that closed slots
and those of years to come are never read. Groups are disjoint and follow `app.domain.plans.status`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.plans.status import Status
from app.domain.records.worklist import Urgency, WorklistCursor
from app.storage.tables.capture import AnswerEvent
from app.storage.tables.messages import Message
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot

COUNTED = 1000
"""Nobody reads an exact count beyond this, and counting stops there."""


RANKS = {group: rank for rank, group in enumerate(Urgency)}


@dataclass(frozen=True, slots=True)
class WorklistSearch:
    """What to read: sites, the moment, the latest closing to look at, groups, a code, and from where on."""

    sites: tuple[int, ...]
    at: datetime
    horizon: datetime
    groups: tuple[Urgency, ...]
    subject: str
    after: WorklistCursor | None
    limit: int


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """A form that is due or overdue; a row of the diary stands for `days` entries of one participant."""

    participant: str
    subject: str
    site_id: int
    zone: str
    slot: str
    visit: str
    instrument: str
    instrument_version: str
    status: Status
    closes_on: date
    answered: int
    days: int
    reminded_at: datetime | None
    cursor: WorklistCursor


_NOW = sa.bindparam("now", type_=sa.inspect(Slot).columns.closes_at.type)
_HORIZON = sa.bindparam("horizon", type_=sa.inspect(Slot).columns.closes_at.type)
_SITES = sa.bindparam("sites", type_=sa.Integer, expanding=True)

_LIVE = (
    col(Slot.submitted_at).is_(None),
    col(Slot.exit_kind).is_(None),
    col(Slot.excused).is_(None),
    col(Slot.opens_at).is_not(None),
    col(Slot.site_id).in_(_SITES),
    col(Slot.closes_at) > _NOW,
    col(Slot.closes_at) <= _HORIZON,
    col(Slot.opens_at) <= _NOW,
)
_FORM = (*_LIVE, col(Slot.for_day).is_(None))
_DIARY = (*_LIVE, col(Slot.for_day).is_not(None))
_TIMES = {
    Urgency.overdue: (col(Slot.overdue_at) <= _NOW,),
    Urgency.due: (col(Slot.due_at) <= _NOW, col(Slot.overdue_at) > _NOW),
    Urgency.open: (col(Slot.due_at) > _NOW,),
}
_NAMED = col(Slot.participant_id).in_(
    sa.select(col(Participant.id)).where(
        col(Participant.site_id).in_(_SITES),
        col(Participant.subject).contains(sa.bindparam("subject"), escape="/"),
    )
)


def _branch(group: Urgency, named: bool) -> sa.Select[Any]:
    """One group in the order of the index, from its own cursor on."""
    after_at = sa.bindparam(f"{group}_at", type_=sa.inspect(Slot).columns.closes_at.type)
    after_id = sa.bindparam(f"{group}_id", type_=sa.BigInteger)
    columns: tuple[Any, ...] = (
        col(Slot.id),
        col(Slot.participant_id),
        col(Slot.site_id),
        col(Slot.public_id).label("slot"),
        col(Slot.visit),
        col(Slot.instrument),
        col(Slot.instrument_version),
        col(Slot.begun_at),
        col(Slot.closes_on),
        col(Slot.closes_at),
        col(Slot.zone),
        sa.literal_column(str(RANKS[group]), sa.Integer).label("rank"),
    )
    statement = sa.select(*columns).where(
        *_FORM,
        *_TIMES[group],
        col(Slot.closes_at) >= after_at,
        sa.or_(col(Slot.closes_at) > after_at, col(Slot.id) > after_id),
        *((_NAMED,) if named else ()),
    )
    return statement.order_by(col(Slot.closes_at), col(Slot.id)).limit(sa.bindparam("limit"))


def _reminded(whose: sa.ColumnElement[bool]) -> sa.Label[Any]:
    last = sa.select(sa.func.max(col(Message.settled_at))).where(whose, col(Message.state) == "sent")
    return last.scalar_subquery().label("reminded_at")


@cache
def _forms(groups: tuple[Urgency, ...], named: bool) -> sa.Select[Any]:
    """A page over these groups, with what is looked up for its rows alone."""
    parts = [sa.select(_branch(group, named).subquery()) for group in groups]
    page = (
        sa.select(sa.union_all(*parts).subquery())
        .order_by(sa.text("rank"), sa.text("closes_at"), sa.text("id"))
        .limit(sa.bindparam("limit"))
        .subquery()
    )
    answered = (
        sa.select(sa.func.count(sa.distinct(col(AnswerEvent.item))))
        .where(col(AnswerEvent.slot_id) == page.c.id)
        .scalar_subquery()
    )
    columns: tuple[Any, ...] = (
        page,
        col(Participant.public_id).label("participant"),
        col(Participant.subject),
        answered.label("answered"),
        _reminded(col(Message.slot_id) == page.c.id),
    )
    joined = sa.select(*columns).join(Participant, col(Participant.id) == page.c.participant_id)
    return joined.order_by(page.c.rank, page.c.closes_at, page.c.id)


@cache
def _diary(named: bool) -> sa.Select[Any]:
    """One row per participant with diary days that can still be entered."""
    late = sa.func.sum(sa.case((col(Slot.overdue_at) <= _NOW, 1), else_=0))
    rank = sa.case((late > 0, RANKS[Urgency.overdue]), else_=RANKS[Urgency.due])
    closes, person = sa.func.min(col(Slot.closes_at)), col(Slot.participant_id)
    after_rank = sa.bindparam("after_rank", type_=sa.Integer)
    after_id = sa.bindparam("after_id", type_=sa.BigInteger)
    after_at = sa.bindparam("after_at", type_=sa.inspect(Slot).columns.closes_at.type)
    later = sa.or_(closes > after_at, sa.and_(closes == after_at, person > after_id))
    page = (
        sa.select(
            person,
            col(Slot.site_id),
            sa.func.count().label("days"),
            rank.label("rank"),
            closes.label("closes_at"),
            sa.func.min(col(Slot.closes_on)).label("closes_on"),
            sa.func.min(col(Slot.zone)).label("zone"),
            sa.func.min(col(Slot.instrument)).label("instrument"),
            sa.func.min(col(Slot.instrument_version)).label("instrument_version"),
        )
        .where(*_DIARY, *((_NAMED,) if named else ()))
        .group_by(person, col(Slot.site_id))
        .having(
            rank.in_(sa.bindparam("ranks", expanding=True)),
            sa.or_(rank > after_rank, sa.and_(rank == after_rank, later)),
        )
        .order_by(rank, closes, person)
        .limit(sa.bindparam("limit"))
        .subquery()
    )
    return (
        sa.select(
            page,
            col(Participant.public_id).label("participant"),
            col(Participant.subject),
            _reminded(col(Message.participant_id) == page.c.participant_id),
        )
        .join(Participant, col(Participant.id) == page.c.participant_id)
        .order_by(page.c.rank, page.c.closes_at, page.c.participant_id)
    )


def _counted(what: sa.Select[Any]) -> sa.ScalarSelect[int]:
    some = what.limit(sa.literal_column(str(COUNTED), sa.Integer)).subquery()
    return sa.select(sa.func.count()).select_from(some).scalar_subquery()


_PEOPLE = sa.select(col(Slot.participant_id)).where(*_DIARY).distinct()
_COUNTS = sa.select(
    *(
        _counted(sa.select(col(Slot.id)).where(*_FORM, *_TIMES[group])).label(group.value)
        for group in Urgency
    ),
    _counted(_PEOPLE).label("diary"),
    _counted(_PEOPLE.where(*_TIMES[Urgency.overdue])).label("diary_overdue"),
)


def list_form_rows(connection: Connection, search: WorklistSearch) -> Sequence[WorklistRow]:
    """Questionnaires that are wanted, group after group, each by when it closes."""
    after = search.after
    groups = tuple(group for group in search.groups if after is None or RANKS[group] >= after.rank)
    if not groups:
        return []
    values: dict[str, Any] = {**_values(search), "limit": search.limit}
    for group in groups:
        inside = after is not None and after.rank == RANKS[group]
        values[f"{group}_at"] = after.closes_at if after and inside else search.at
        values[f"{group}_id"] = after.key if after and inside else 0
    return [_form_row(row) for row in connection.execute(_forms(groups, bool(search.subject)), values)]


def list_diary_rows(connection: Connection, search: WorklistSearch) -> Sequence[WorklistRow]:
    """Participants who owe diary entries: those with a day overdue first."""
    after = search.after or WorklistCursor(-1, search.at, 0)
    values = {
        **_values(search),
        "limit": search.limit,
        "ranks": [RANKS[group] for group in search.groups],
        "after_rank": after.rank,
        "after_at": after.closes_at,
        "after_id": after.key,
    }
    return [_diary_row(row) for row in connection.execute(_diary(bool(search.subject)), values)]


def count_by_urgency(connection: Connection, search: WorklistSearch) -> dict[tuple[bool, Urgency], int]:
    """How many there are of each (diary?, group) at these sites, up to `COUNTED`."""
    row = connection.execute(_COUNTS, _values(search)).mappings().one()
    counts = {(False, group): int(row[group.value]) for group in Urgency}
    late = int(row["diary_overdue"])
    return counts | {(True, Urgency.overdue): late, (True, Urgency.due): int(row["diary"]) - late}


def _values(search: WorklistSearch) -> dict[str, Any]:
    plain = search.subject.replace("/", "//").replace("%", "/%").replace("_", "/_")
    bounds = {"sites": list(search.sites), "now": search.at, "horizon": search.horizon}
    return bounds | ({"subject": plain} if plain else {})


def _form_row(row: sa.Row[Any]) -> WorklistRow:
    calm = Status.due if row.rank == RANKS[Urgency.due] else Status.open
    status = Status.in_progress if row.begun_at else calm
    return _to_row(row, status, row.slot, row.visit, row.answered, 0, row.id)


def _diary_row(row: sa.Row[Any]) -> WorklistRow:
    return _to_row(row, Status.due, "", "", 0, row.days, row.participant_id)


def _to_row(
    row: sa.Row[Any], calm: Status, slot: str, visit: str, answered: int, days: int, key: int
) -> WorklistRow:
    return WorklistRow(
        participant=row.participant,
        subject=row.subject,
        site_id=row.site_id,
        zone=row.zone,
        slot=slot,
        visit=visit,
        instrument=row.instrument,
        instrument_version=row.instrument_version,
        status=Status.overdue if row.rank == RANKS[Urgency.overdue] else calm,
        closes_on=row.closes_on,
        answered=answered,
        days=days,
        reminded_at=row.reminded_at,
        cursor=WorklistCursor(row.rank, row.closes_at, key),
    )
