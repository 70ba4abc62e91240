"""Appending to the feed of a study: numbers that never skip, given under the lock of the feed's head."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.records.audit import GENESIS
from app.domain.records.feed import FeedEventDraft, finalise_event
from app.storage.database.plain_reads import PlainRead
from app.storage.engine import allow_tables
from app.storage.tables.feed import FeedEvent, FeedHead

_LOCK_HEAD = PlainRead(
    sa.select(col(FeedHead.seq), col(FeedHead.hash))
    .where(col(FeedHead.study_id) == sa.bindparam("of_study"))
    .with_for_update()
)
_MOVE_HEAD = (
    sa.update(FeedHead)
    .where(col(FeedHead.study_id) == sa.bindparam("of_study"))
    .values(seq=sa.bindparam("to_seq"), hash=sa.bindparam("to_hash"))
)
_INSERT = sa.insert(FeedEvent).inline()


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event that waits for its number, and when it was recorded."""

    draft: FeedEventDraft
    at: datetime


def append_feed_events(connection: Connection, study_id: int, pending: Sequence[PendingEvent]) -> int:
    """Number and append events in order, holding the study's head until commit; the last number.

    The head's row lock is what makes commit order equal number order with concurrent
    writers; a rollback leaves no gap because the numbers were never given.
    """
    (head,) = _LOCK_HEAD.fetch(connection, {"of_study": study_id})
    seq, hash_ = int(head[0]), str(head[1])
    rows = []
    for event in pending:
        seq += 1
        line, hash_ = finalise_event(event.draft, seq, hash_, event.at)
        rows.append(
            {
                "study_id": study_id,
                "seq": seq,
                "type": event.draft.type,
                "ref": event.draft.ref,
                "version": event.draft.version,
                "site_id": event.draft.site_id,
                "recorded_at": event.at,
                "line": line,
                "hash": hash_,
            }
        )
    with allow_tables(connection, {"feed_event": None, "feed_head": None}):
        connection.execute(_INSERT, rows)
        connection.execute(_MOVE_HEAD, {"of_study": study_id, "to_seq": seq, "to_hash": hash_})
    return seq


def new_feed_head(study_id: int) -> FeedHead:
    """The head of a new, empty feed."""
    return FeedHead(study_id=study_id, seq=0, hash=GENESIS)
