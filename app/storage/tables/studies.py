"""Studies and their sites, and what one installation has once."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.domain.records.studies import StudyMode
from app.storage.tables.columns import enum_type, json_type


class Study(SQLModel, table=True):
    """One trial and the plan version that whoever is enrolled follows.

    `feed` is the epoch of its feed; `restored_at` says when a restore from a backup last began one anew.
    """

    id: int = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=40)
    plan_version: str = Field(max_length=20)
    plan_sha256: str = Field(max_length=64)
    mode: StudyMode = Field(sa_type=enum_type(StudyMode))
    feed: str = Field(max_length=32)
    loaded_at: datetime
    restored_at: datetime | None = None


class PlanAmendment(SQLModel, table=True):
    """That a study follows another version of its plan from a moment on, and why; append-only.

    Participants follow one after another: each one's version stands in their own row.
    """

    __tablename__ = "plan_amendment"
    __table_args__ = (sa.UniqueConstraint("study_id", "to_version"),)
    id: int = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    from_version: str = Field(max_length=20)
    to_version: str = Field(max_length=20)
    to_sha256: str = Field(max_length=64)
    reason: str = Field(max_length=400)
    began_at: datetime
    began_by: str = Field(max_length=80)


class Site(SQLModel, table=True):
    """A hospital of a study, with the telephone that its participants are shown.

    `urgent_words`, by language, stand in place of our own beside an answer that means "call now".
    `week_hours` are the telephone's hours by day of the week (`domain/people/week_hours.py`), `hours` the
    same in words. A closed site enrols nobody.
    """

    __table_args__ = (sa.UniqueConstraint("study_id", "code"),)
    id: int = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    code: str = Field(max_length=20)
    name: str = Field(max_length=120)
    phone: str = Field(max_length=40)
    hours: str = Field(max_length=80)
    zone: str = Field(max_length=40)
    urgent_words: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    week_hours: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    emergency_phone: str | None = Field(default=None, max_length=40)
    closed_at: datetime | None = None


class KeyCanary(SQLModel, table=True):
    """The one row by which an installation knows its key: a public word, encrypted with it."""

    __tablename__ = "key_canary"
    id: int = Field(primary_key=True)
    sealed: str
    laid_at: datetime
