"""The EDC's side: feed, clients, tokens, what it sent and what it pulled."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.storage.columns import document


class FeedHead(SQLModel, table=True):
    """The last feed number of a study; its row is the lock that makes commit order number order."""

    __tablename__ = "feed_head"
    study_id: int = Field(foreign_key="study.id", primary_key=True)
    seq: int
    hash: str = Field(max_length=64)


class FeedEvent(SQLModel, table=True):
    """One numbered, whole state after a change; `line` is the JSON text that is served."""

    __tablename__ = "feed_event"
    __table_args__ = (sa.Index("ix_feed_event_ref", "study_id", "ref", "seq"),)
    study_id: int = Field(foreign_key="study.id", primary_key=True)
    seq: int = Field(primary_key=True)
    type: str = Field(max_length=40)
    ref: str = Field(max_length=80)
    version: int
    site_id: int = Field(foreign_key="site.id")
    recorded_at: datetime
    line: str
    hash: str = Field(max_length=64)


class EdcClient(SQLModel, table=True):
    """A machine that may pull and send, bound to one study; two secrets during rotation."""

    __tablename__ = "edc_client"
    client_id: str = Field(primary_key=True, max_length=40)
    study_id: int = Field(foreign_key="study.id")
    name: str = Field(max_length=80)
    secret_hash: str = Field(max_length=64)
    next_secret_hash: str | None = Field(default=None, max_length=64)
    scopes: str = Field(max_length=400)
    sites: list[str] | None = Field(default=None, sa_type=document())
    created_at: datetime
    disabled_at: datetime | None = None


class EdcToken(SQLModel, table=True):
    """A short-lived access token, stored only as its hash."""

    __tablename__ = "edc_token"
    token_hash: str = Field(primary_key=True, max_length=64)
    client_id: str = Field(foreign_key="edc_client.client_id")
    scopes: str = Field(max_length=400)
    expires_at: datetime


class EdcRecord(SQLModel, table=True):
    """The last body that the EDC sent to one address, with its version and `as_of` watermark."""

    __tablename__ = "edc_record"
    __table_args__ = (sa.UniqueConstraint("study_id", "resource"),)
    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    resource: str = Field(max_length=120)
    version: int
    as_of: datetime
    body: dict[str, Any] = Field(sa_type=document())


class Transfer(SQLModel, table=True):
    """One pull: who, when, which range, how many rows and their digest (EDC-05)."""

    id: int | None = Field(default=None, primary_key=True)
    client_id: str = Field(foreign_key="edc_client.client_id", index=True)
    study_id: int = Field(foreign_key="study.id")
    resource: str = Field(max_length=40)
    after: int
    through: int
    rows: int
    sha256: str = Field(max_length=64)
    pulled_at: datetime


MESSAGE_WAITING = sa.text("state IN ('queued', 'sending')")
"""What the index of waiting messages holds; a query must say it word for word to use that index."""


class Message(SQLModel, table=True):
    """The intent to send one reminder; unique per slot and kind, so that none goes twice."""

    __table_args__ = (
        sa.UniqueConstraint("slot_id", "window_version", "kind"),
        sa.Index(
            "ix_message_waiting",
            "lease_until",
            sqlite_where=MESSAGE_WAITING,
            postgresql_where=MESSAGE_WAITING,
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    slot_id: int = Field(foreign_key="slot.id", sa_type=sa.BigInteger)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    window_version: int
    kind: str = Field(max_length=20)
    state: str = Field(max_length=20)
    channel: str = Field(max_length=20)
    key: str = Field(max_length=40, unique=True)
    lease_until: datetime
    attempts: int = 0
    queued_at: datetime
    settled_at: datetime | None = None
    failure: str | None = Field(default=None, max_length=80)
