"""EDC clients, their tokens, what they sent and what they pulled."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.storage.tables.columns import json_type, partial_index


class EdcClient(SQLModel, table=True):
    """A machine that may pull and send, bound to one study; two secrets during rotation."""

    __tablename__ = "edc_client"
    client_id: str = Field(primary_key=True, max_length=40)
    study_id: int = Field(foreign_key="study.id")
    name: str = Field(max_length=80)
    secret_hash: str = Field(max_length=64)
    next_secret_hash: str | None = Field(default=None, max_length=64)
    scopes: str = Field(max_length=400)
    sites: list[str] | None = Field(default=None, sa_type=json_type())
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
    """The last body that the EDC sent to one address, with its version and `as_of` watermark.

    `claimed_as_of` is what the EDC stated where that was ahead of our clock, which then gave the watermark.
    """

    __tablename__ = "edc_record"
    __table_args__ = (sa.UniqueConstraint("study_id", "resource"),)
    id: int = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    resource: str = Field(max_length=120)
    version: int
    as_of: datetime
    claimed_as_of: datetime | None = None
    body: dict[str, Any] = Field(sa_type=json_type())

    @property
    def subject(self) -> str:
        """The code of the participant about whom the address is: `participants/<code>/<part>`."""
        return self.resource.split("/")[1]


class EdcRefusal(SQLModel, table=True):
    """The newest body about one fact of a participant that was refused: one row a fact, whoever repeats it.

    `part` is the address below the participant, `stated` the fields that the EDC states, `cause` the code of
    the refusal. Another body, or one after an accepted one, is another `version`. `times` and `last_at` are
    counted once an hour at most; `ended_at` is when a later body about the same fact was accepted.
    """

    __tablename__ = "edc_refusal"
    __table_args__ = (
        sa.UniqueConstraint("participant_id", "part"),
        partial_index("ix_edc_refusal_open", "study_id", where="ended_at IS NULL"),
    )
    id: int = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id")
    study_id: int = Field(foreign_key="study.id")
    part: str = Field(max_length=60)
    cause: str = Field(max_length=40)
    stated: str = Field(max_length=199)
    as_of: datetime | None = None
    version: int
    refused_at: datetime
    last_at: datetime
    times: int
    ended_at: datetime | None = None


class Transfer(SQLModel, table=True):
    """One pull: who, when, which range, how many rows and their digest (EDC-05)."""

    id: int = Field(default=None, primary_key=True)
    client_id: str = Field(foreign_key="edc_client.client_id", index=True)
    study_id: int = Field(foreign_key="study.id")
    resource: str = Field(max_length=40)
    after: int
    through: int
    rows: int
    sha256: str = Field(max_length=64)
    pulled_at: datetime
