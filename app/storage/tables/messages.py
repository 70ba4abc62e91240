"""Messages, each an intent that is unique: reminders per slot and kind, notices per alert and colleague."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.storage.tables.columns import partial_index

MESSAGE_WAITING = sa.text("state IN ('queued', 'sending')")
"""What the index of waiting messages holds; a query must say it word for word to use that index."""


MESSAGE_UNDELIVERED = sa.text("(state = 'failed' OR failure IN ('no_contact', 'no_channel'))")
"""What the index of messages that reached nobody holds; said word for word in a query, as above."""


class Message(SQLModel, table=True):
    """The intent to send one reminder; unique per slot and kind, so that none goes twice."""

    __table_args__ = (
        sa.UniqueConstraint("slot_id", "window_version", "kind"),
        partial_index("ix_message_waiting", "lease_until", where=MESSAGE_WAITING),
        partial_index("ix_message_undelivered", "settled_at", where=MESSAGE_UNDELIVERED),
    )
    id: int = Field(default=None, primary_key=True)
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


class AlertMessage(SQLModel, table=True):
    """The intent to tell one member of staff of an alert, or of its escalation; none is sent twice."""

    __tablename__ = "alert_message"
    __table_args__ = (
        sa.UniqueConstraint("alert_id", "staff_id", "escalation"),
        partial_index("ix_alert_message_waiting", "lease_until", where=MESSAGE_WAITING),
    )
    id: int = Field(default=None, primary_key=True)
    alert_id: int = Field(foreign_key="alert.id")
    participant_id: int = Field(foreign_key="participant.id", index=True)
    staff_id: int = Field(foreign_key="staff.id")
    escalation: bool
    state: str = Field(max_length=20)
    key: str = Field(max_length=40, unique=True)
    lease_until: datetime
    attempts: int = 0
    queued_at: datetime
    settled_at: datetime | None = None
    failure: str | None = Field(default=None, max_length=80)
