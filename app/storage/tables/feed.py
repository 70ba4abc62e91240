"""The change feed of a study: its numbered events, the head that numbers them, and named cuts of it."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class FeedHead(SQLModel, table=True):
    """The last feed number of a study; its row is the lock that makes commit order number order.

    `asked_seq` is a number beyond it that a client named as read, and `asked_at` when it last did.
    """

    __tablename__ = "feed_head"
    study_id: int = Field(foreign_key="study.id", primary_key=True)
    seq: int
    hash: str = Field(max_length=64)
    asked_seq: int | None = None
    asked_at: datetime | None = None


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


class DataCut(SQLModel, table=True):
    """A named cut, append-only: a number of the feed, the instant, and the versions by which it is read.

    `feed_hash` is the hash of the feed at `seq`, so that a cut of another feed is never taken for this one.
    """

    __tablename__ = "data_cut"
    __table_args__ = (sa.UniqueConstraint("study_id", "name"),)
    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    name: str = Field(max_length=20)
    seq: int
    feed_hash: str = Field(max_length=64)
    cut_at: datetime
    plan_version: str = Field(max_length=20)
    plan_sha256: str = Field(max_length=64)
    app_version: str = Field(max_length=20)
    purpose: str = Field(max_length=400)
    made_by: str = Field(max_length=80)
