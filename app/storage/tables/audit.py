"""The audit trail: entries and the heads of their chains."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.storage.tables.columns import big_key_type, partial_index


class AuditEntry(SQLModel, table=True):
    """One entry of the trail, append-only and linked to the one before it in its chain."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        sa.UniqueConstraint("chain", "seq"),
        sa.Index("ix_audit_entry_at", "at", "id"),
        partial_index("ix_audit_entry_contradicted", "chain", where="event = 'edc:body:contradicted'"),
    )
    id: int = Field(default=None, primary_key=True, sa_type=big_key_type())
    chain: str = Field(max_length=40)
    seq: int
    event: str = Field(max_length=60)
    at: datetime
    actor_kind: str = Field(max_length=20)
    actor_id: str = Field(max_length=80)
    actor_role: str = Field(max_length=40)
    reason: str | None = Field(default=None, max_length=400)
    reason_salt: str | None = Field(default=None, max_length=16)
    reason_digest: str | None = Field(default=None, max_length=80)
    changes: str
    prev_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64)
    facts: str | None = None


class AuditChain(SQLModel, table=True):
    """The head of a chain; its row is also the lock under which a participant's facts change."""

    __tablename__ = "audit_chain"
    chain: str = Field(primary_key=True, max_length=40)
    study_id: int | None = Field(default=None, foreign_key="study.id", index=True)
    seq: int
    hash: str = Field(max_length=64)


class DaySeal(SQLModel, table=True):
    """One digest over every chain head of a study at the end of a day, linked to the day before."""

    __tablename__ = "day_seal"
    study_id: int = Field(foreign_key="study.id", primary_key=True)
    sealed_on: str = Field(primary_key=True, max_length=10)
    chains: int
    hash: str = Field(max_length=64)
    sealed_at: datetime


class ClockConfirmation(SQLModel, table=True):
    """That an operator confirmed the wall clock: both clocks then, and the newest entry before it.

    `boot_id` names the machine's start whose boot clock showed `boot_ms`; `newest_entry_id` is the last entry
    that was written before, whose moments stay as they were written.
    """

    __tablename__ = "clock_confirmation"
    id: int = Field(default=None, primary_key=True)
    confirmed_at: datetime
    boot_id: str = Field(max_length=80)
    boot_ms: int = Field(sa_type=sa.BigInteger)
    newest_entry_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    newest_entry_at: datetime | None = None
