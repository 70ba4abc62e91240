"""Participants, how to reach them, and the browsers they use."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.domain.status import ExitKind
from app.storage.columns import code_of


class Participant(SQLModel, table=True):
    """A person in a study, known by a code and never by a name.

    `exit_kind`/`exit_at` repeat the disposition in force, so that one row decides sign-in.
    """

    __table_args__ = (sa.UniqueConstraint("study_id", "subject"), sa.Index(None, "site_id"))
    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True, max_length=24)
    study_id: int = Field(foreign_key="study.id")
    site_id: int = Field(foreign_key="site.id")
    subject: str = Field(max_length=40)
    zone: str = Field(max_length=40)
    language: str = Field(max_length=10)
    arm: str | None = Field(default=None, max_length=20)
    enrolled_at: datetime
    consent_version: str | None = Field(default=None, max_length=40)
    consented_on: date | None = None
    reminders_wanted: bool = False
    identity_check: str | None = Field(default=None, max_length=40)
    pin_hash: str | None = Field(default=None, max_length=200)
    exit_kind: ExitKind | None = Field(default=None, sa_type=code_of(ExitKind))
    exit_at: datetime | None = None
    version: int = 0


class Contact(SQLModel, table=True):
    """Where reminders go: encrypted, apart from study data, optional (PRI-01)."""

    participant_id: int = Field(foreign_key="participant.id", primary_key=True)
    channel: str = Field(max_length=20)
    address_sealed: str = Field(max_length=600)
    recorded_at: datetime


class Activation(SQLModel, table=True):
    """A single-use, expiring invitation: a link for the QR sheet and a short code to type."""

    id: int | None = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    token_hash: str = Field(unique=True, max_length=64)
    code_hash: str = Field(unique=True, max_length=64)
    issued_at: datetime
    issued_by: str = Field(max_length=80)
    expires_at: datetime
    code_expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


class Device(SQLModel, table=True):
    """A browser bound to a participant; the cookie is stored only as its hash."""

    id: int | None = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    token_hash: str = Field(unique=True, max_length=64)
    label: str = Field(max_length=40)
    bound_at: datetime
    seen_at: datetime
    revoked_at: datetime | None = None
