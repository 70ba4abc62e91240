"""Staff accounts, their role grants, sessions, used one-time codes, and counters of failed tries."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.domain.records.access import Role
from app.storage.tables.columns import enum_type


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
    role: Role = Field(sa_type=enum_type(Role))
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
