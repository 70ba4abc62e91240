"""Appending to the feed of a study: numbers that never skip, given under the lock of the feed's head."""

from datetime import datetime

from sqlmodel import Session, select

from app.domain.records.audit import GENESIS
from app.domain.records.feed import FeedEventDraft, finalise_event
from app.storage.tables.feed import FeedEvent, FeedHead


def append_feed_event(session: Session, study_id: int, draft: FeedEventDraft, at: datetime) -> int:
    """Number and append one event, holding the study's head until commit.

    The head's row lock is what makes commit order equal number order with concurrent
    writers; a rollback leaves no gap because the number was never given.
    """
    statement = select(FeedHead).where(FeedHead.study_id == study_id).with_for_update()
    head = session.exec(statement.execution_options(populate_existing=True)).one()
    line, current = finalise_event(draft, head.seq + 1, head.hash, at)
    head.seq, head.hash = head.seq + 1, current
    session.add(
        FeedEvent(
            study_id=study_id,
            seq=head.seq,
            type=draft.type,
            ref=draft.ref,
            version=draft.version,
            site_id=draft.site_id,
            recorded_at=at,
            line=line,
            hash=current,
        )
    )
    session.flush()
    return head.seq


def new_feed_head(study_id: int) -> FeedHead:
    """The head of a new, empty feed."""
    return FeedHead(study_id=study_id, seq=0, hash=GENESIS)
