"""The change feed of a study: its numbered events, the head that numbers them, named cuts, and exports."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.domain.records.exports import ExportKind
from app.storage.tables.columns import enum_type, json_type, partial_index


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
    id: int = Field(default=None, primary_key=True)
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


class DataExport(SQLModel, table=True):
    """An export of a cut that somebody requested, and the queue of those that are still to be made.

    Its request, its end and its removal are entries of the study's trail. `scopes` are those of an EDC's
    token, None of staff. `lease_until` is the moment before which nobody else takes it up; `tries` counts how
    often somebody did. `contents` and `sites` say what its files hold; no `sites` are all.
    """

    __tablename__ = "data_export"
    __table_args__ = (
        partial_index("ix_data_export_waiting", "lease_until", where="ended_at IS NULL"),
        partial_index(
            "ix_data_export_kept", "kept_until", where="kept_until IS NOT NULL AND removed_at IS NULL"
        ),
        sa.Index("ix_data_export_actor", "study_id", "actor_id", "id"),
    )
    id: int = Field(default=None, primary_key=True)
    public_id: str = Field(max_length=24, unique=True)
    study_id: int = Field(foreign_key="study.id")
    cut_id: int = Field(foreign_key="data_cut.id")
    actor_kind: str = Field(max_length=20)
    actor_id: str = Field(max_length=80)
    scopes: list[str] | None = Field(default=None, sa_type=json_type())
    kind: ExportKind = Field(sa_type=enum_type(ExportKind))
    request: dict[str, Any] = Field(sa_type=json_type())
    fingerprint: str = Field(max_length=64)
    purpose: str = Field(max_length=400)
    requested_at: datetime
    lease_until: datetime
    tries: int = 0
    done: int = 0
    total: int = 0
    contents: list[str] | None = Field(default=None, sa_type=json_type())
    sites: list[int] | None = Field(default=None, sa_type=json_type())
    ended_at: datetime | None = None
    fault: str | None = Field(default=None, max_length=40)
    files: list[dict[str, Any]] | None = Field(default=None, sa_type=json_type())
    size: int = Field(default=0, sa_type=sa.BigInteger)
    kept_until: datetime | None = None
    removed_at: datetime | None = None
