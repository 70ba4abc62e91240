"""Throttle counters: one statement counts a try and decides whether it may be made.

What is asked first and counted afterwards lets as many guesses through as ask at the same moment. Here the
database itself, with the counter's row locked, either adds the try or finds the counter full; so the limit
holds for all threads, processes and machines that share it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlmodel import col

from app.storage.audit import bookkeeping_writes
from app.storage.engine import write_engine
from app.storage.tables.columns import table_of
from app.storage.tables.staff import Throttle

_TABLE = table_of(Throttle)
_COLUMNS = ("failures", "since_at")


@dataclass(frozen=True, slots=True)
class TryLimit:
    """How many tries may fail under one name within a span, which begins with the first.

    `cleared`: a success forgets all of its failures. Otherwise it takes back its own try and no more, so that
    somebody's success does not hide what others tried.
    """

    subject: str
    tries: int
    span: timedelta
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class CountedTry:
    """A try that stands in a counter, and the moment that the counter's span began."""

    limit: TryLimit
    since_at: datetime


@dataclass(frozen=True, slots=True)
class FullCounter:
    """A counter that lets no try through until a moment."""

    until: datetime


def _build_count(dialect: Any) -> sa.Executable:  # noqa: ANN401 - two modules of one shape
    """Insert the counter, or add to it unless it is full; no row comes back from a full one.

    An empty counter and one from the future, left by a clock that was ahead, begin their span now.
    """
    at = sa.bindparam("at", type_=_TABLE.c.since_at.type)
    is_over = sa.or_(col(Throttle.since_at) <= sa.bindparam("over_before"), col(Throttle.failures) == 0)
    is_ahead = col(Throttle.since_at) > at
    return (  # type: ignore[no-any-return]  # the dialects' inserts have no type in common
        dialect.insert(_TABLE)
        .values(subject=sa.bindparam("name"), failures=1, since_at=at)
        .on_conflict_do_update(
            index_elements=["subject"],
            set_={
                "failures": sa.case((is_over, 1), else_=col(Throttle.failures) + 1),
                "since_at": sa.case((sa.or_(is_over, is_ahead), at), else_=col(Throttle.since_at)),
            },
            where=sa.or_(is_over, col(Throttle.failures) < sa.bindparam("limit")),
        )
        .returning(col(Throttle.since_at))
    )


_COUNT = {"sqlite": _build_count(sqlite), "postgresql": _build_count(postgresql)}

_NAMED = col(Throttle.subject) == sa.bindparam("name")
_RECALL = sa.update(_TABLE).where(_NAMED, col(Throttle.since_at) > sa.bindparam("at"))
_RECALL = _RECALL.values(since_at=sa.bindparam("at"))
"""A full counter from the future is dated back once, to now, and then runs out as usual."""
_SINCE = sa.select(col(Throttle.since_at)).where(_NAMED)
_SAME_SPAN = sa.and_(_NAMED, col(Throttle.since_at) == sa.bindparam("since"), col(Throttle.failures) > 0)
_TAKE_BACK = sa.update(_TABLE).where(_SAME_SPAN).values(failures=col(Throttle.failures) - 1)
_CLEAR = sa.update(_TABLE).where(_NAMED).values(failures=0)


@contextmanager
def _counting(database: Engine | Connection) -> Iterator[Connection]:
    """A connection that may write counters: of a transaction of its own, or of one that is open already."""
    if isinstance(database, Connection):
        with bookkeeping_writes(database, _TABLE.name, _COLUMNS):
            yield database
        return
    with (
        write_engine(database).begin() as connection,
        bookkeeping_writes(connection, _TABLE.name, _COLUMNS),
    ):
        yield connection


def count_try(
    database: Engine | Connection, limits: Iterable[TryLimit], at: datetime
) -> Sequence[CountedTry] | FullCounter:
    """Count one try under each limit in turn; the first full counter ends it, and the rest is not counted.

    Callers name their limits from the narrowest to the widest: who is refused under their own name fills no
    counter that others share, and two callers never wait for each other.
    """
    counted = []
    with _counting(database) as connection:
        for limit in limits:
            since_at = _count(connection, limit, at)
            if since_at is None:
                return FullCounter(_full_since(connection, limit, at) + limit.span)
            counted.append(CountedTry(limit, since_at))
    return counted


def take_back_try(database: Engine | Connection, counted: Iterable[CountedTry]) -> None:
    """Take back a try that was no guess after all; a span that began anew meanwhile is left alone."""
    with _counting(database) as connection:
        for attempt in counted:
            connection.execute(_TAKE_BACK, {"name": attempt.limit.subject, "since": attempt.since_at})


def release_counted_tries(database: Engine | Connection, counted: Iterable[CountedTry]) -> None:
    """Take back a try that succeeded, and clear the counters that a success clears."""
    with _counting(database) as connection:
        for attempt in counted:
            statement = _CLEAR if attempt.limit.cleared else _TAKE_BACK
            connection.execute(statement, {"name": attempt.limit.subject, "since": attempt.since_at})


def _count(connection: Connection, limit: TryLimit, at: datetime) -> datetime | None:
    values = {"name": limit.subject, "limit": limit.tries, "at": at, "over_before": at - limit.span}
    since_at: datetime | None = connection.execute(_COUNT[connection.dialect.name], values).scalar()
    return since_at


def _full_since(connection: Connection, limit: TryLimit, at: datetime) -> datetime:
    connection.execute(_RECALL, {"name": limit.subject, "at": at})
    since_at: datetime = connection.execute(_SINCE, {"name": limit.subject}).scalar_one()
    return since_at
