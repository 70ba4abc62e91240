"""Instrument packs as they were imported: append-only, so that every form can be shown again as it was."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.domain.desk.matters import MatterDecision
from app.storage.tables.columns import enum_type


class InstrumentPack(SQLModel, table=True):
    """The official words of one instrument version in one language, licensed to one study.

    `content` is the file as it was read; `sha256` is that of its bytes, which is what answers and
    responses name as `text_sha256`. The other columns repeat what stands in it.
    """

    __tablename__ = "instrument_pack"
    __table_args__ = (sa.UniqueConstraint("study_id", "sha256"),)
    id: int = Field(default=None, primary_key=True)
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


class LicenceDecision(SQLModel, table=True):
    """A decision about a licence in the state that `ref` names, append-only; in another it is open anew."""

    __tablename__ = "licence_decision"
    __table_args__ = (sa.UniqueConstraint("study_id", "ref"),)
    id: int = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    ref: str = Field(max_length=120)
    decision: MatterDecision = Field(sa_type=enum_type(MatterDecision))
    reason: str = Field(max_length=400)
    settled_at: datetime
    settled_by: str = Field(max_length=80)
