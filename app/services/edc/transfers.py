"""What the EDC pulls: every shape is a view of the one feed, and every pull is logged (EDC-02, EDC-05)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.domain.records.feed import redact_line, sees_all_lines
from app.domain.refusal import Refused
from app.services.core.context import EdcClientSession, EdcContext
from app.services.edc.entity_tags import digest_text, serialise_representation
from app.storage.queries import feed_pages
from app.storage.statements.record_transfer import record_transfer
from app.storage.tables.audit import DaySeal
from app.storage.tables.columns import table_of
from app.storage.tables.feed import FeedHead

EventRow = sa.Row[int, int, str, str]
ANSWERED = ("assessment.completed", "assessment.amended")
"""The events that tell an answered form: as it was sent, and as it was corrected."""
WITHHELD = '"type":"withheld"'
STREAMED = 500
"""Events that a stream reads at a time, so that its memory stays flat."""


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """Which stretch of the feed: after a number, at most so many events, of a type such as `assessment.*`.

    `feed` is the epoch that the client believes in, or None.
    """

    after: int = 0
    limit: int = 500
    type: str | None = None
    feed: str | None = None

    def takes_type(self, type_: str) -> bool:
        """Whether an event of this type is asked for."""
        if self.type is None:
            return True
        stem, star, _ = self.type.partition("*")
        return type_.startswith(stem) if star else type_ == self.type


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A stretch of the feed as JSON texts. The client saves `through`, which passes over what is left out."""

    feed: str
    after: int
    through: int
    head: int
    lines: Sequence[str]
    audit_head: Mapping[str, object] | None

    @property
    def complete(self) -> bool:
        """Whether nothing follows yet."""
        return self.through >= self.head


def pull_changes(context: EdcContext, query: FeedQuery) -> FeedPage:
    """The events after a number as this client may see them.

    Raises Refused: "feed_epoch_changed", "feed_ahead". A number that the client has seen is never skipped:
    numbers are given under a lock held until commit.
    """
    with context.read() as session:
        head = _head(context, session, query)
        through, lines = _stretch(session, context.client, query)
        seal = newest_seal(session, context.client.study_id)
    return FeedPage(context.client.feed, query.after, through, max(head, through), lines, seal)


def _stretch(session: Session, caller: EdcClientSession, query: FeedQuery) -> tuple[int, list[str]]:
    """Through which number it goes, and the lines of it that this client asks for and may read."""
    if query.type is None and sees_all_lines(caller.scopes, caller.sites):
        return feed_pages.read_feed_lines(session, caller.study_id, query.after, query.limit)
    rows = feed_pages.read_feed_page(session, caller.study_id, query.after, query.limit)
    through = rows[-1].seq if rows else query.after
    return through, _readable(caller, [row for row in rows if query.takes_type(row.type)], query.type is None)


def _head(context: EdcContext, session: Session, query: FeedQuery) -> int:
    """The last number, once the client's cursor is known to be of this feed.

    A number alone is of this feed only while there was no other. One beyond the end means that the database
    was rewound or the client is wrong: that is noted for the operator.
    """
    client, last = context.client, feed_pages.read_feed_head(session, context.client.study_id)
    unsure = query.feed is None and query.after > 0 and client.feed_restored
    if query.feed not in (None, client.feed) or unsure:
        raise Refused("feed_epoch_changed", feed=client.feed, head=last)
    if query.after > last:
        _note_ahead(context, query.after)
        raise Refused("feed_ahead", feed=client.feed, head=last)
    return last


def _note_ahead(context: EdcContext, after: int) -> None:
    with context.unit_of_work() as work:
        table = table_of(FeedHead)
        of_study = table.c.study_id == context.client.study_id
        work.update_bookkeeping(table, of_study, {"asked_seq": after, "asked_at": work.at})


def get_feed_head(context: EdcContext) -> int:
    """The last number of the client's feed: what a waiting client looks at."""
    with context.read() as session:
        return feed_pages.read_feed_head(session, context.client.study_id)


@dataclass(frozen=True, slots=True)
class TransferRange:
    """What one pull handed over: from which number (exclusive) through which, in how many rows."""

    resource: str
    after: int
    through: int
    rows: int


def log_transfer(context: EdcContext, transferred: TransferRange) -> None:
    """Record who pulled which range when."""
    values = {
        "client_id": context.client.client_id,
        "study_id": context.client.study_id,
        "resource": transferred.resource,
        "after": transferred.after,
        "through": transferred.through,
        "rows": transferred.rows,
    }
    installation = context.installation
    record_transfer(installation.engine, context.actor, context.at, values, installation.fact_key)


def stream_snapshot(context: EdcContext, through: int) -> Iterator[list[str]]:
    """The newest event of every record as of a number, in order, some hundred at a time.

    Whoever stores it and then pulls after `through` holds what a pull from the beginning gives.
    """
    after = 0
    while True:
        with context.read() as session:
            rows = feed_pages.read_latest_events(session, context.client.study_id, after, through, STREAMED)
        if not rows:
            return
        after = rows[-1].seq
        yield list(_readable(context.client, rows, stubs=False))


def digest_snapshot(context: EdcContext, through: int) -> str:
    """The digest of what a snapshot as of this number holds, without reading it.

    The feed only grows, so its epoch, the number, what the client may see and the program that redacts it say
    which lines come.
    """
    client, version = context.client, context.installation.app_version
    sites = [client.sites, sorted(client.site_ids)]
    parts = (client.feed, through, sorted(client.scopes), sites, version)
    return digest_text(serialise_representation(["snapshot", *parts]))


def pull_scores(context: EdcContext, query: FeedQuery) -> tuple[FeedPage, list[dict[str, Any]]]:
    """Flat score rows of completed assessments after a feed number; a corrected one comes again, newer.

    `limit` counts assessments. Raises Refused: "feed_epoch_changed", "feed_ahead".
    """
    with context.read() as session:
        head = _head(context, session, query)
        rows = feed_pages.read_latest_events(
            session, context.client.study_id, query.after, head, query.limit, ANSWERED
        )
        seal = newest_seal(session, context.client.study_id)
    through = rows[-1].seq if len(rows) == query.limit else head
    lines = _readable(context.client, rows, stubs=False)
    flat = [row for line in lines for row in _flat(json.loads(line))]
    return FeedPage(context.client.feed, query.after, through, head, lines, seal), flat


def _flat(event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    slot, response = event["data"]["slot"], event["data"]["response"]
    for score in event["data"]["scores"]:
        yield {
            "seq": event["seq"],
            "assessment": event["ref"],
            "version": event["version"],
            "site": event["site"],
            "subject": event["subject"],
            "visit": event["visit"],
            "instrument": slot["instrument"],
            "instrument_version": slot["instrument_version"],
            "algorithm": response["algorithm"],
            "completed_at": response["completed_at"],
            "out_of_window": slot["out_of_window"],
            **score,
        }


def get_assessment(context: EdcContext, ref: str, version: int | None) -> str:
    """One assessment or diary day as it is now, or as one of its versions was; the event's JSON text.

    Raises Refused("unknown_assessment"), also for one that this client may not know of.
    """
    with context.read() as session:
        row = feed_pages.read_event(session, context.client.study_id, ref, version)
    lines = _readable(context.client, [row] if row is not None else [], stubs=False)
    if row is None or not lines or not row.type.startswith(("assessment.", "diary.")):
        raise Refused("unknown_assessment", assessment=ref)
    return lines[0]


_SEAL = (
    sa.select(col(DaySeal.sealed_on), col(DaySeal.chains), col(DaySeal.hash))
    .where(col(DaySeal.study_id) == sa.bindparam("study_id"))
    .order_by(col(DaySeal.sealed_on).desc())
    .limit(1)
)


def newest_seal(session: Session, study_id: int) -> Mapping[str, object] | None:
    """The newest seal over the study's audit trail, for the puller to keep outside (AUD-04); None so far."""
    seal = session.connection().execute(_SEAL, {"study_id": study_id}).first()
    return {"day": seal.sealed_on, "chains": seal.chains, "hash": seal.hash} if seal else None


def _readable(caller: EdcClientSession, rows: Sequence[EventRow], stubs: bool) -> list[str]:
    """The events as this client may read them, with or without those of which it may see nothing."""
    if sees_all_lines(caller.scopes, caller.sites):
        return [row.line for row in rows]
    lines = (redact_line(row.line, caller.scopes, caller.can_reach(row.site_id)) for row in rows)
    return [line for line in lines if stubs or WITHHELD not in line]
