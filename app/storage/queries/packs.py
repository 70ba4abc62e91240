"""Reads of imported instrument packs."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.storage.tables.packs import InstrumentPack


def list_packs(session: Session, study_id: int) -> Sequence[InstrumentPack]:
    """Every pack of a study, in the order of import."""
    own = select(InstrumentPack).where(InstrumentPack.study_id == study_id)
    return session.exec(own.order_by(col(InstrumentPack.id))).all()


def newest_pack_id(session: Session, study_id: int) -> int:
    """The key of the study's newest pack; 0 while there is none."""
    newest = select(sa.func.max(col(InstrumentPack.id))).where(InstrumentPack.study_id == study_id)
    return session.exec(newest).one() or 0
