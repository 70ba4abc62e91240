"""Whom the work list shows: counts of its reasons with its beginning, and entries from a cursor on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.plans.plan import Plan
from app.domain.records.participants import TeamRequestKind
from app.domain.today.assignment import Assigned
from app.domain.today.reasons import RANKS, Reason, TodayCursor
from app.storage.database.grouped_reads import DocumentRows, GroupedRead, cache_document_rows
from app.storage.queries.participants import code_pattern, holds_code, is_alive
from app.storage.queries.slots import code_literal
from app.storage.queries.today.alerts import count_alerts_of_leavers
from app.storage.queries.today.branches import (
    LIVE,
    SITES,
    SOURCES,
    TodayShape,
    bind_moment,
    is_here,
    rule_moments,
    select_outstanding,
    shape_of,
)
from app.storage.tables.participants import Assignment, Participant, Snooze, TeamRequest
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import RoleGrant

COUNTED = 200
"""Entries of one reason, beyond which nobody reads an exact count; counting stops there."""
SNOOZED_COUNTED = 50
"""Snoozes in force, beyond which nobody judges whether their reasons still hold: as many as a page has."""


@dataclass(frozen=True)
class TodaySearch:
    """Whom to look for: sites of one study, the moment, and the filters; `locked` cannot pass their PIN.

    `earlier` are versions of the plan of which forms exist. `whole_study`: the sites are all of the study's.
    `assigned` narrows to those of `reader`, at whose sites they work the list, or to those of nobody;
    `workers` are the grants by which an assignment counts.
    """

    study_id: int
    plan: Plan
    sites: tuple[int, ...]
    at: datetime
    hides_arm: bool = False
    subject: str = ""
    language: str = ""
    visit: str = ""
    locked: tuple[int, ...] = ()
    earlier: tuple[Plan, ...] = ()
    whole_study: bool = False
    assigned: Assigned | None = None
    reader: int = 0
    workers: tuple[int, ...] = ()

    @cached_property
    def shape(self) -> TodayShape:
        """The shape of this search's statements."""
        shape = shape_of(
            (self.plan, *self.earlier),
            hides_arm=self.hides_arm,
            filtered=bool(self.subject or self.language or self.visit or self.assigned),
            whole_study=self.whole_study,
            by_visit=bool(self.visit),
        )
        return replace(shape, assigned=self.assigned) if self.assigned else shape

    @property
    def plan_rules(self) -> tuple[object, ...]:
        """What of the plan decides who stands on the list."""
        return self.plan.id, self.plan.version, self.plan.worklist

    @cached_property
    def values(self) -> dict[str, Any]:
        """The parameters of this search."""
        filters = {"subject": code_pattern(self.subject), "language": self.language}
        return rule_moments((self.plan, *self.earlier), self.at) | {
            "study": self.study_id,
            "sites": list(self.sites),
            "locked": list(self.locked),
            **(filters if self.shape.filtered else {}),
            **({"visit": self.visit} if self.shape.by_visit else {}),
            **({"reader": self.reader} if self.assigned is Assigned.me else {}),
            **({"workers": list(self.workers)} if self.assigned is Assigned.nobody else {}),
        }


@dataclass(frozen=True, slots=True)
class TodayCounts:
    """How many participants there are for each reason, in all, and resting.

    `snoozed` are those with a snooze in force, the first `SNOOZED_COUNTED`, the soonest to come back first;
    `resting` is how many of them have a reason that rests, once that is judged, and until then all of them.

    Of the reasons in `cut` only the first `COUNTED` entries were counted, several of one participant among
    them perhaps: there are so many or more, and in all too. `corrections` are participants who asked to
    have a form corrected, `orphan_alerts` open alerts of participants who left, and `orphan_calls` those of
    them who live and ask to be called; all are dealt with elsewhere. `first` are the first `COUNTED` entries
    of the list.
    """

    by_reason: Mapping[Reason, int]
    every: int
    resting: int
    corrections: int
    orphan_alerts: int = 0
    orphan_calls: int = 0
    first: tuple[TodayCursor, ...] = ()
    cut: frozenset[Reason] = frozenset()
    snoozed: tuple[int, ...] = ()
    resting_is_cut: bool = False


_LANGUAGE = sa.bindparam("language", type_=sa.String)
_NOW = bind_moment("now")


_MINE = col(Participant.id).in_(
    sa.select(col(Assignment.participant_id)).where(
        col(Assignment.assignee_id) == sa.bindparam("reader", type_=sa.Integer)
    )
)
_NOBODYS = ~(
    sa.exists()
    .where(
        col(Assignment.participant_id) == col(Participant.id),
        col(RoleGrant.staff_id) == col(Assignment.assignee_id),
        col(RoleGrant.id).in_(sa.bindparam("workers", type_=sa.Integer, expanding=True)),
        sa.or_(col(RoleGrant.site_id).is_(None), col(RoleGrant.site_id) == col(Participant.site_id)),
    )
    .correlate(Participant)
)
_ASSIGNED: Mapping[Assigned | None, tuple[sa.ColumnElement[bool], ...]] = {
    None: (),
    Assigned.me: (_MINE,),
    Assigned.nobody: (_NOBODYS,),
}


@lru_cache(maxsize=64)
def _narrowed(shape: TodayShape) -> sa.CTE:
    """The participants of the filters."""
    visit = (col(Participant.id).in_(select_outstanding(shape)),) if shape.by_visit else ()
    named = sa.select(col(Participant.id)).where(
        col(Participant.site_id).in_(SITES),
        holds_code(sa.bindparam("subject", type_=sa.String)),
        sa.or_(_LANGUAGE == "", col(Participant.language) == _LANGUAGE),
        *visit,
        *_ASSIGNED[shape.assigned],
    )
    return named.cte("named")


def _source(reason: Reason, shape: TodayShape) -> sa.Subquery:
    return SOURCES[reason](shape).subquery(reason.value)


def _conditions(source: sa.Subquery, shape: TodayShape) -> tuple[sa.ColumnElement[bool], ...]:
    return (source.c.person.in_(sa.select(_narrowed(shape).c.id)),) if shape.filtered else ()


@lru_cache(maxsize=64)
def _counts(shape: TodayShape) -> GroupedRead["_ListLine"]:
    """The first entries of the list, and below them how many there are of each kind.

    Each reason counts at most `COUNTED` rows; a participant counts once for each, and once in all.
    """
    parts = []
    for reason in SOURCES:
        source = _source(reason, shape)
        # In the order of the list, so that the same index serves both and counting stops early.
        ranked = sa.select(_rank(reason), source.c.at, source.c.person).where(*_conditions(source, shape))
        some = ranked.order_by(source.c.at, source.c.person).limit(_COUNTED).subquery()
        parts.append(sa.select(some))
    cte = sa.union_all(*parts).cte("found")
    in_order = sa.select(cte).order_by(cte.c.rank, cte.c.at, cte.c.person).limit(_COUNTED).subquery()
    people, listed = sa.func.count(sa.distinct(cte.c.person)), sa.func.count()
    by_reason = sa.select(cte.c.rank, *_tally(people, listed)).group_by(cte.c.rank)
    others = {
        _EVERY: sa.select(sa.func.count(sa.distinct(cte.c.person))).scalar_subquery(),
        _RESTING: sa.select(sa.func.count()).select_from(_resting(shape).subquery()).scalar_subquery(),
        _CORRECTIONS: _count_requests(shape, TeamRequestKind.correction),
        _ORPHAN_ALERTS: count_alerts_of_leavers(*_named(shape)),
        _ORPHAN_CALLS: _count_requests(
            shape,
            TeamRequestKind.call,
            col(Participant.exit_kind).is_not(None),
            is_alive(),
        ),
    }
    snoozed = _resting(shape).subquery()
    soonest = sa.select(_number(_RESTING).label("rank"), snoozed.c.at, snoozed.c.person)
    some_snoozed = soonest.order_by(snoozed.c.at, snoozed.c.person).limit(_number(SNOOZED_COUNTED)).subquery()
    lines = [sa.select(_number(kind), *_tally(count, _number(0))) for kind, count in others.items()]
    uncounted = _number(0).label("number"), _number(0).label("listed")
    entries = [sa.select(part, *uncounted) for part in (in_order, some_snoozed)]
    counted = sa.union_all(*entries, by_reason, *lines)
    return GroupedRead(counted, _ListLine._make, memory=_CACHED_LINES)


class _ListLine(NamedTuple):
    """An entry of the list, or how many there are of one kind, and of how many entries that was counted."""

    rank: int
    at: datetime | None
    person: int | None
    number: int
    listed: int


_REMEMBERED = 500
"""Of so many reasons, in lists of different readers and studies, the entries that were read last are
remembered."""
_CACHED_LINES = cache_document_rows(_REMEMBERED)
_EVERY, _RESTING, _CORRECTIONS, _ORPHAN_ALERTS, _ORPHAN_CALLS = -1, -2, -3, -4, -5
"""What stands for a rank in the lines of other counts."""


def _number(value: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(value), sa.Integer)


_COUNTED = _number(COUNTED)


def _rank(reason: Reason) -> sa.ColumnElement[int]:
    return _number(RANKS[reason]).label("rank")


def _tally(count: sa.ColumnElement[int], listed: sa.ColumnElement[int]) -> tuple[sa.ColumnElement[Any], ...]:
    """The columns of a line that counts: no entry, the count, and of how many entries."""
    return sa.null().label("at"), sa.null().label("person"), count.label("number"), listed.label("listed")


def _named(shape: TodayShape) -> tuple[sa.ColumnElement[bool], ...]:
    """What narrows participants themselves, as `_conditions` does what they stand on the list for."""
    return (col(Participant.id).in_(sa.select(_narrowed(shape).c.id)),) if shape.filtered else ()


def _count_requests(
    shape: TodayShape, kind: TeamRequestKind, *of: sa.ColumnElement[bool]
) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.count(sa.distinct(col(Participant.id))))
        .select_from(TeamRequest)
        .join(Participant, col(Participant.id) == col(TeamRequest.participant_id))
        .where(
            col(TeamRequest.kind) == code_literal(kind),
            col(TeamRequest.closed_at).is_(None),
            col(Participant.site_id).in_(SITES),
            *of,
            *_named(shape),
        )
        .scalar_subquery()
    )


def _resting(shape: TodayShape) -> sa.Select[Any]:
    columns: list[Any] = [col(Participant.id).label("person"), col(Snooze.until_at).label("at")]
    return (
        sa.select(*columns)
        .join(Snooze, col(Snooze.participant_id) == col(Participant.id))
        .where(
            col(Participant.site_id).in_(SITES),
            col(Participant.exit_kind).is_(None),
            col(Snooze.until_at) > _NOW,
            *_named(shape),
        )
    )


def count_reasons(connection: Connection, search: TodaySearch) -> TodayCounts:
    """How many participants stand on the list for each reason, and with whom it begins."""
    numbers: dict[int, int] = {}
    first: list[TodayCursor] = []
    full: set[int] = set()
    snoozed: tuple[int, ...] = ()
    for rank, lines in _counts(search.shape).fetch(connection, search.values).items():
        counted, entries = _sort_lines(lines)
        if rank == _RESTING:
            snoozed = tuple([entry.person for entry in sorted(entries)])
        else:
            first += entries
        numbers[rank] = counted.number
        full |= {rank} if counted.listed >= COUNTED else set()
    return TodayCounts(
        by_reason={reason: numbers.get(RANKS[reason], 0) for reason in SOURCES},
        every=numbers[_EVERY],
        resting=numbers[_RESTING],
        corrections=numbers[_CORRECTIONS],
        orphan_alerts=numbers[_ORPHAN_ALERTS],
        orphan_calls=numbers[_ORPHAN_CALLS],
        first=tuple(sorted(first)),
        cut=frozenset(reason for reason in SOURCES if RANKS[reason] in full),
        snoozed=snoozed,
        resting_is_cut=numbers[_RESTING] > len(snoozed),
    )


@lru_cache(maxsize=_REMEMBERED)
def _sort_lines(lines: DocumentRows[_ListLine]) -> tuple[_ListLine, Sequence[TodayCursor]]:
    """The line that counts among the lines of one kind, and the entries."""
    entries = [
        TodayCursor(line.rank, line.at, line.person)
        for line in lines
        if line.at is not None and line.person is not None
    ]
    return next(line for line in lines if line.person is None), entries


@lru_cache(maxsize=256)
def _entries(shape: TodayShape, reasons: tuple[Reason, ...], first_is_cut: bool) -> sa.Select[Any]:
    """Who stands on the list, reason after reason, each in the order of its index."""
    parts = []
    for index, reason in enumerate(reasons):
        source = _source(reason, shape)
        at, person = source.c.at, source.c.person
        cut: tuple[sa.ColumnElement[bool], ...] = ()
        if first_is_cut and index == 0:
            later = sa.or_(
                at > bind_moment("after_at"), person > sa.bindparam("after_person", type_=sa.BigInteger)
            )
            cut = (at >= bind_moment("after_at"), later)
        part = sa.select(_rank(reason), at.label("at"), person.label("person"))
        part = part.where(*_conditions(source, shape), *cut).order_by(at, person)
        parts.append(sa.select(part.limit(sa.bindparam("most", type_=sa.Integer)).subquery()))
    entries = sa.union_all(*parts).subquery()
    return sa.select(entries).order_by(entries.c.rank, entries.c.at, entries.c.person)


def list_entries(
    connection: Connection,
    search: TodaySearch,
    reasons: Sequence[Reason],
    after: TodayCursor | None,
    most: int,
) -> list[TodayCursor]:
    """Who stands on the list for these reasons, from a cursor on; with each of their reasons."""
    listed = tuple(reason for reason in reasons if after is None or RANKS[reason] >= after.rank)
    if not listed:
        return []
    cut = after is not None and RANKS[listed[0]] == after.rank
    values = search.values | {"most": most}
    if after is not None and cut:
        values |= {"after_at": after.at, "after_person": after.person}
    statement = _entries(search.shape, listed, cut).limit(sa.bindparam("most", type_=sa.Integer))
    rows = connection.execute(statement, values)
    return [TodayCursor(row.rank, row.at, row.person) for row in rows]


def list_resting(
    connection: Connection, search: TodaySearch, after: TodayCursor | None, most: int
) -> list[TodayCursor]:
    """Whose snooze is in force, the soonest to come back first."""
    resting = _resting(search.shape).subquery()
    at, person = resting.c.at, resting.c.person
    statement = sa.select(at, person).order_by(at, person).limit(most)
    if after is not None:
        later = sa.or_(at > after.at, sa.and_(at == after.at, person > after.person))
        statement = statement.where(later)
    return [TodayCursor(0, row.at, row.person) for row in connection.execute(statement, search.values)]


def next_opening(connection: Connection, search: TodaySearch) -> datetime | None:
    """When the next form of a visit opens at these sites; None when none is planned."""
    visit = (*LIVE, col(Slot.for_day).is_(None), is_here(search.shape), col(Slot.opens_at) > _NOW)
    opening: datetime | None = connection.execute(
        sa.select(col(Slot.opens_at)).where(*visit).order_by(col(Slot.opens_at)).limit(1), search.values
    ).scalar_one_or_none()
    return opening
