"""Named cuts of a study, and where its feed is now."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.refusal import Refused
from app.storage.tables.feed import DataCut, FeedHead


def find_cut(session: Session, study_id: int, name: str) -> DataCut | None:
    """The cut of this name; None where there is none."""
    return session.exec(
        select(DataCut).where(DataCut.study_id == study_id, DataCut.name == name)
    ).one_or_none()


def get_cut(session: Session, study_id: int, name: str) -> DataCut:
    """The cut of this name. Raises Refused("unknown_cut")."""
    cut = find_cut(session, study_id, name)
    if cut is None:
        raise Refused("unknown_cut", cut=name)
    return cut


def list_cut_rows(session: Session, study_id: int) -> Sequence[DataCut]:
    """Every cut of a study, the newest first."""
    return session.exec(
        select(DataCut).where(DataCut.study_id == study_id).order_by(col(DataCut.id).desc())
    ).all()


def read_feed_end(session: Session, study_id: int) -> tuple[int, str]:
    """The last number of the feed and its hash."""
    head = sa.select(col(FeedHead.seq), col(FeedHead.hash)).where(col(FeedHead.study_id) == study_id)
    row = session.execute(head).one()
    return row.seq, row.hash
