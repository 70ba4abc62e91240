"""Reading the feed of a study by keyset: pages, snapshots and single events."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from app.storage.tables.feed import FeedEvent, FeedHead

_HEAD = sa.select(col(FeedHead.seq)).where(col(FeedHead.study_id) == sa.bindparam("study_id"))


def read_feed_head(session: Session, study_id: int) -> int:
    """The last number of the study's feed."""
    return int(session.connection().execute(_HEAD, {"study_id": study_id}).scalar_one())


_PAGE = (
    sa.select(col(FeedEvent.seq), col(FeedEvent.site_id), col(FeedEvent.type), col(FeedEvent.line))
    .where(col(FeedEvent.study_id) == sa.bindparam("study_id"), col(FeedEvent.seq) > sa.bindparam("after"))
    .order_by(col(FeedEvent.seq))
    .limit(sa.bindparam("limit"))
)


def read_feed_page(
    session: Session, study_id: int, after: int, limit: int
) -> Sequence[sa.Row[int, int, str, str]]:
    """At most `limit` events after a number, in order; equally quick at any depth."""
    return session.connection().execute(_PAGE, {"study_id": study_id, "after": after, "limit": limit}).all()


_STRETCH = _PAGE.subquery()
_JOINED = sa.select(
    sa.func.max(_STRETCH.c.seq).label("through"),
    sa.func.string_agg(
        _STRETCH.c.line, aggregate_order_by(sa.literal_column("E'\\n'", sa.Text), _STRETCH.c.seq)
    ).label("text"),
)


def read_feed_lines(session: Session, study_id: int, after: int, limit: int) -> tuple[int, list[str]]:
    """The lines of `page`, and the number of the last one: `after` where there is none.

    PostgreSQL joins them, since a thousand rows cost the driver more than one long text does. No line
    holds a newline: canonical JSON writes it as its escape.
    """
    if session.get_bind().dialect.name == "sqlite":
        rows = read_feed_page(session, study_id, after, limit)
        return (rows[-1].seq if rows else after), [row.line for row in rows]
    bounds = {"study_id": study_id, "after": after, "limit": limit}
    joined = session.connection().execute(_JOINED, bounds).one()
    return (after, []) if joined.through is None else (joined.through, joined.text.split("\n"))


_LATER = aliased(FeedEvent)
_LATEST = (
    sa.select(col(FeedEvent.seq), col(FeedEvent.site_id), col(FeedEvent.type), col(FeedEvent.line))
    .where(
        col(FeedEvent.study_id) == sa.bindparam("study_id"),
        col(FeedEvent.seq) > sa.bindparam("after"),
        col(FeedEvent.seq) <= sa.bindparam("through"),
        ~sa.exists().where(
            col(_LATER.study_id) == col(FeedEvent.study_id),
            col(_LATER.ref) == col(FeedEvent.ref),
            col(_LATER.seq) > col(FeedEvent.seq),
            col(_LATER.seq) <= sa.bindparam("through"),
        ),
    )
    .order_by(col(FeedEvent.seq))
    .limit(sa.bindparam("limit"))
)
_LATEST_OF_TYPES = _LATEST.where(col(FeedEvent.type).in_(sa.bindparam("types", expanding=True)))


def read_latest_events(
    session: Session, study_id: int, after: int, through: int, limit: int, types: Sequence[str] = ()
) -> Sequence[sa.Row[int, int, str, str]]:
    """The events after one number through another that no later one of their record replaces.

    The feed only grows, so pages read at different moments with the same `through` fit together.
    """
    bounds = {"study_id": study_id, "after": after, "through": through, "limit": limit}
    if not types:
        return session.connection().execute(_LATEST, bounds).all()
    return session.connection().execute(_LATEST_OF_TYPES, bounds | {"types": list(types)}).all()


def read_event(
    session: Session, study_id: int, ref: str, version: int | None
) -> sa.Row[int, int, str, str] | None:
    """One version of a record, the newest where none is named."""
    statement = sa.select(
        col(FeedEvent.seq), col(FeedEvent.site_id), col(FeedEvent.type), col(FeedEvent.line)
    ).where(col(FeedEvent.study_id) == study_id, col(FeedEvent.ref) == ref)
    if version is not None:
        statement = statement.where(col(FeedEvent.version) == version)
    return session.connection().execute(statement.order_by(col(FeedEvent.seq).desc()).limit(1)).first()
