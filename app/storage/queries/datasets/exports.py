"""Requested exports: the queue of those to be made, and what became of them."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.refusal import Refused
from app.storage.tables.columns import table_of
from app.storage.tables.feed import DataCut, DataExport
from app.storage.tables.studies import Study

EXPORT_TABLE = table_of(DataExport)
NOT_ENDED = col(DataExport.ended_at).is_(None)


def find_same_export(session: Session, fingerprint: str, at: datetime) -> DataExport | None:
    """The newest export of just this request that did not fail and whose files are kept; None without."""
    available = sa.or_(NOT_ENDED, sa.and_(col(DataExport.fault).is_(None), col(DataExport.kept_until) > at))
    statement = select(DataExport).where(DataExport.fingerprint == fingerprint, available)
    return session.exec(statement.order_by(col(DataExport.id).desc()).limit(1)).one_or_none()


def count_not_ended(session: Session, study_id: int, actor_id: str) -> int:
    """How many exports of this reader are still to be made."""
    count = sa.select(sa.func.count()).select_from(EXPORT_TABLE)
    mine = (col(DataExport.study_id) == study_id, col(DataExport.actor_id) == actor_id, NOT_ENDED)
    return int(session.execute(count.where(*mine)).scalar_one())


def list_export_rows(
    session: Session, study_id: int, actor_id: str, count: int
) -> Sequence[tuple[DataExport, str]]:
    """The newest exports that somebody requested, each with the name of its cut."""
    statement = (
        select(DataExport, DataCut.name)
        .join(DataCut, col(DataCut.id) == col(DataExport.cut_id))
        .where(DataExport.study_id == study_id, DataExport.actor_id == actor_id)
        .order_by(col(DataExport.id).desc())
        .limit(count)
    )
    return session.exec(statement).all()


def get_export_row(session: Session, study_id: int, actor_id: str, public_id: str) -> tuple[DataExport, str]:
    """One of them. Raises Refused("unknown_export")."""
    statement = (
        select(DataExport, DataCut.name)
        .join(DataCut, col(DataCut.id) == col(DataExport.cut_id))
        .where(DataExport.study_id == study_id, DataExport.actor_id == actor_id)
        .where(DataExport.public_id == public_id)
    )
    row = session.exec(statement).one_or_none()
    if row is None:
        raise Refused("unknown_export")
    return row


def get_export_work(session: Session, key: int) -> tuple[DataExport, str, str]:
    """An export that is to be made, the code of its study and the name of its cut."""
    statement = (
        select(DataExport, Study.code, DataCut.name)
        .join(Study, col(Study.id) == col(DataExport.study_id))
        .join(DataCut, col(DataCut.id) == col(DataExport.cut_id))
        .where(DataExport.id == key)
    )
    return session.exec(statement).one()


def find_next_export(session: Session, at: datetime) -> DataExport | None:
    """The oldest export that nobody makes; None where nothing waits."""
    statement = select(DataExport).where(NOT_ENDED, col(DataExport.lease_until) <= at)
    return session.exec(statement.order_by(col(DataExport.id)).limit(1)).one_or_none()


def find_claimed_export(session: Session, key: int, tries: int) -> DataExport | None:
    """The export of this claim, locked; None where it ended, or is another worker's."""
    statement = select(DataExport).where(DataExport.id == key, DataExport.tries == tries, NOT_ENDED)
    return session.exec(statement.with_for_update()).one_or_none()


def find_stored_exports(session: Session, public_ids: Collection[str], at: datetime) -> dict[str, bool]:
    """The exports among these that there are, whether still to be made or with files."""
    stored = sa.and_(col(DataExport.kept_until).is_not(None), col(DataExport.kept_until) > at)
    keeps = sa.or_(NOT_ENDED, sa.and_(stored, col(DataExport.removed_at).is_(None)))
    named = sa.select(col(DataExport.public_id), keeps).where(col(DataExport.public_id).in_(public_ids))
    return {public_id: bool(stored) for public_id, stored in session.execute(named)}


def list_expired_exports(session: Session, at: datetime) -> Sequence[DataExport]:
    """Exports whose files are kept no longer."""
    over = (col(DataExport.kept_until).is_not(None), col(DataExport.removed_at).is_(None))
    return session.exec(select(DataExport).where(*over, col(DataExport.kept_until) <= at)).all()


def sum_stored_bytes(session: Session) -> int:
    """The size of everything that is kept."""
    size = sa.select(sa.func.coalesce(sa.func.sum(col(DataExport.size)), 0))
    stored = (col(DataExport.kept_until).is_not(None), col(DataExport.removed_at).is_(None))
    return int(session.execute(size.where(*stored)).scalar_one())
