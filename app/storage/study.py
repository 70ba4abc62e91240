"""Studies, sites, staff and what they are granted."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.domain.access import Role
from app.storage.columns import code_of, document


class Mode(StrEnum):
    """Whether an installation holds a demonstration or a trial; never both."""

    DEMO = "demo"
    LIVE = "live"


class Study(SQLModel, table=True):
    """One trial and the plan version that new slots follow."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=40)
    plan_version: str = Field(max_length=20)
    plan_sha256: str = Field(max_length=64)
    mode: Mode = Field(sa_type=code_of(Mode))
    feed: str = Field(max_length=32)
    loaded_at: datetime


class Site(SQLModel, table=True):
    """A hospital of a study, with the telephone that its participants are shown.

    `urgent_words`, by language, stand in place of our own beside an answer that means "call now".
    """

    __table_args__ = (sa.UniqueConstraint("study_id", "code"),)
    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    code: str = Field(max_length=20)
    name: str = Field(max_length=120)
    phone: str = Field(max_length=40)
    hours: str = Field(max_length=80)
    zone: str = Field(max_length=40)
    urgent_words: dict[str, Any] | None = Field(default=None, sa_type=document())


class Staff(SQLModel, table=True):
    """A member of staff. Rows are disabled, never deleted, and an e-mail address is never reused."""

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True, max_length=200)
    name: str = Field(max_length=120)
    language: str = Field(max_length=10)
    password_hash: str = Field(max_length=200)
    totp_sealed: str = Field(max_length=300)
    created_at: datetime
    disabled_at: datetime | None = None


class RoleGrant(SQLModel, table=True):
    """A role given to a member of staff in a study, at one site or at all (site empty)."""

    __tablename__ = "role_grant"
    id: int | None = Field(default=None, primary_key=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    role: Role = Field(sa_type=code_of(Role))
    study_id: int = Field(foreign_key="study.id")
    site_id: int | None = Field(default=None, foreign_key="site.id")
    granted_at: datetime
    granted_by: str = Field(max_length=80)
    revoked_at: datetime | None = None


class StaffSession(SQLModel, table=True):
    """A signed-in browser of a member of staff; half a session until the second factor is shown."""

    __tablename__ = "staff_session"
    token_hash: str = Field(primary_key=True, max_length=64)
    staff_id: int = Field(foreign_key="staff.id")
    second_factor_at: datetime | None = None
    opened_at: datetime
    seen_at: datetime
    closed_at: datetime | None = None


class UsedCode(SQLModel, table=True):
    """A one-time code that was accepted once and never will be again."""

    __tablename__ = "used_code"
    staff_id: int = Field(foreign_key="staff.id", primary_key=True)
    step: int = Field(primary_key=True, sa_type=sa.BigInteger)


class Throttle(SQLModel, table=True):
    """How often something failed in the running hour, per account and per source."""

    subject: str = Field(primary_key=True, max_length=120)
    failures: int
    since_at: datetime
