"""Instrument packs as they were imported: append-only, so that every form can be shown again as it was."""

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from app.storage.study import Study


class InstrumentPack(SQLModel, table=True):
    """The official words of one instrument version in one language, licensed to one study.

    `content` is the file as it was read; `sha256` is that of its bytes, which is what answers and
    responses name as `text_sha256`. The other columns repeat what stands in it.
    """

    __tablename__ = "instrument_pack"
    __table_args__ = (sa.UniqueConstraint("study_id", "sha256"),)
    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    instrument: str = Field(max_length=40)
    version: str = Field(max_length=20)
    lang: str = Field(max_length=20)
    name: str
    copyright: str
    licensee: str
    permission: str
    valid_until: date
    sha256: str = Field(max_length=64, index=True)
    content: str
    imported_at: datetime
    imported_by: str = Field(max_length=80)


def packs_of(session: Session, study_id: int) -> Sequence[InstrumentPack]:
    """Every pack of a study, in the order of import."""
    own = select(InstrumentPack).where(InstrumentPack.study_id == study_id)
    return session.exec(own.order_by(col(InstrumentPack.id))).all()


def last_pack(session: Session, study_id: int) -> int:
    """The key of the study's newest pack; 0 while there is none."""
    newest = select(sa.func.max(col(InstrumentPack.id))).where(InstrumentPack.study_id == study_id)
    return session.exec(newest).one() or 0


def pack_with(session: Session, sha256: str) -> tuple[InstrumentPack, str] | None:
    """The pack of this digest and its study's code."""
    statement = (
        select(InstrumentPack, Study.code)
        .join(Study, col(Study.id) == col(InstrumentPack.study_id))
        .where(InstrumentPack.sha256 == sha256)
        .order_by(col(InstrumentPack.id))
    )
    return session.exec(statement).first()
