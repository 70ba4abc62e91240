"""Answers as they were given, their response, late ones kept apart, corrections, alerts, settlements."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.domain.alerts.handling import AlertActionKind
from app.domain.capture.corrections import CorrectionEvidence, CorrectionOutcome
from app.domain.capture.paper import PaperOutcome, PaperReason
from app.domain.desk.matters import MatterDecision, MatterKind
from app.storage.tables.columns import big_key_type, enum_type, json_type, partial_index

PAPER_WAITS = sa.text("outcome IN ('first', 'differs')")
"""What the index of paper entries that may wait holds; said word for word in a query to use it."""
ALERT_OPEN = sa.text("closed_at IS NULL")
"""What the index of open alerts holds."""

ALERT_WAKING = sa.text("wake_at IS NOT NULL")
"""What the index of alerts that owe somebody a message holds; said word for word in a query to use it."""


class AnswerEvent(SQLModel, table=True):
    """One answer given or changed, append-only; the draft is the latest event of each item.

    `device_at` is what the phone's clock showed, `device_offset` its minutes from UTC, and
    `device_skew` the seconds by which the server's clock was ahead of it when the answer arrived.
    `captured_offline`: it could not be sent at once. `clock_untrusted`: the server's clock was in doubt.
    """

    __tablename__ = "answer_event"
    __table_args__ = (
        sa.UniqueConstraint("slot_id", "revision"),
        sa.UniqueConstraint("slot_id", "client", "seq"),
        partial_index("ix_answer_event_unaware", "slot_id", "item", where="base < revision - 1"),
        sa.CheckConstraint("NOT (value IS NOT NULL AND words IS NOT NULL)", name="one_value"),
    )
    id: int = Field(default=None, primary_key=True, sa_type=big_key_type())
    slot_id: int = Field(foreign_key="slot.id", sa_type=sa.BigInteger)
    revision: int
    client: str = Field(max_length=32)
    seq: int
    base: int
    item: str = Field(max_length=40)
    value: int | None = None
    words: str | None = Field(default=None, max_length=200)
    language: str = Field(max_length=10)
    text_sha256: str = Field(max_length=64)
    device_at: datetime | None = None
    device_offset: int | None = None
    device_skew: int | None = None
    captured_offline: bool = False
    clock_untrusted: bool = False
    received_at: datetime


class Response(SQLModel, table=True):
    """The one answer document of a slot; corrections add versions, nothing is replaced.

    `collected_on`: the day on which the participant filled it in, where that was on paper. `device_id`: the
    browser from which they sent it; None of paper, and of what was sent before that was noted.
    """

    __table_args__ = (
        sa.UniqueConstraint("slot_id", "version"),
        sa.UniqueConstraint("public_id", "version"),
    )
    id: int = Field(default=None, primary_key=True, sa_type=big_key_type())
    public_id: str = Field(max_length=24, index=True)
    slot_id: int = Field(foreign_key="slot.id", sa_type=sa.BigInteger)
    study_id: int = Field(foreign_key="study.id")
    version: int
    submission: str = Field(max_length=40)
    content_sha256: str = Field(max_length=64)
    answers: dict[str, Any] = Field(sa_type=json_type())
    scores: list[dict[str, Any]] = Field(sa_type=json_type())
    instrument_sha256: str = Field(max_length=64)
    text_sha256: str = Field(max_length=64)
    algorithm: str = Field(max_length=40)
    language: str = Field(max_length=10)
    originator: str = Field(max_length=20)
    helped_by: str | None = Field(default=None, max_length=20)
    mode: str = Field(max_length=20)
    collected_on: date | None = None
    late_reason: str | None = Field(default=None, max_length=40)
    presentation: dict[str, Any] = Field(sa_type=json_type())
    app_version: str = Field(max_length=20)
    out_of_window: bool
    in_grace: bool
    device_at: datetime | None = None
    device_offset: int | None = None
    device_skew: int | None = None
    captured_offline: bool = False
    clock_untrusted: bool = False
    begun_at: datetime
    submitted_at: datetime
    device_id: int | None = None


class Quarantine(SQLModel, table=True):
    """Answers that came when the slot could not take them: kept in sight, never silently dropped.

    `mode`: by which means they were given; None of those that were kept before that was noted.
    """

    id: int = Field(default=None, primary_key=True)
    slot_id: int = Field(foreign_key="slot.id", sa_type=sa.BigInteger, index=True)
    reason: str = Field(max_length=40)
    content_sha256: str = Field(max_length=64)
    answers: dict[str, Any] = Field(sa_type=json_type())
    mode: str | None = Field(default=None, max_length=20)
    device_at: datetime | None = None
    clock_untrusted: bool = False
    received_at: datetime


class PaperEntry(SQLModel, table=True):
    """What somebody entered of a form that the participant filled in on paper, append-only.

    `paper` says which sheet it is, `note` why it was filled in outside of the window, or how two entries that
    differed were settled.
    """

    __tablename__ = "paper_entry"
    __table_args__ = (partial_index("ix_paper_entry_waits", "study_id", where=PAPER_WAITS),)
    id: int = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True, max_length=24)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    study_id: int = Field(foreign_key="study.id")
    slot_id: int = Field(foreign_key="slot.id", sa_type=sa.BigInteger, index=True)
    answers: dict[str, Any] = Field(sa_type=json_type())
    collected_on: date
    paper: str = Field(max_length=80)
    reason: PaperReason = Field(sa_type=enum_type(PaperReason))
    note: str | None = Field(default=None, max_length=400)
    helped_by: str | None = Field(default=None, max_length=20)
    late_reason: str | None = Field(default=None, max_length=40)
    outcome: PaperOutcome = Field(sa_type=enum_type(PaperOutcome))
    entered_at: datetime
    entered_by: str = Field(max_length=80)


class Correction(SQLModel, table=True):
    """A proposal: for each item the new answer and why; `words` are the participant's own.

    It rests on one version of the response. It waits until a decision names it.
    """

    __table_args__ = (sa.Index(None, "study_id", "proposed_at"),)
    id: int = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True, max_length=24)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    study_id: int = Field(foreign_key="study.id")
    slot_id: int = Field(foreign_key="slot.id", sa_type=sa.BigInteger)
    response_version: int
    changes: dict[str, Any] = Field(sa_type=json_type())
    words: str = Field(max_length=400)
    told_on: date
    evidence: CorrectionEvidence = Field(sa_type=enum_type(CorrectionEvidence))
    proposed_at: datetime
    proposed_by: str = Field(max_length=80)


class CorrectionDecision(SQLModel, table=True):
    """What an investigator signed: `outcome` is also what the signature means.

    `response_version` is the version that an approval made; `late_reason` why it was approved so late.
    """

    __tablename__ = "correction_decision"
    id: int = Field(default=None, primary_key=True)
    correction_id: int = Field(foreign_key="correction.id", unique=True)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    outcome: CorrectionOutcome = Field(sa_type=enum_type(CorrectionOutcome))
    note: str | None = Field(default=None, max_length=400)
    late_reason: str | None = Field(default=None, max_length=400)
    response_version: int | None = None
    decided_at: datetime
    decided_by: str = Field(max_length=80)


class Alert(SQLModel, table=True):
    """One rule of the plan that one form raised; unique, whatever is corrected in that form later.

    `response_version` is the version of the answers that raised it. `wake_at` is when the clock owes somebody
    a message: at once, then at escalation, then never again.
    """

    __table_args__ = (
        sa.UniqueConstraint("slot_id", "rule"),
        partial_index("ix_alert_open", "study_id", "raised_at", where=ALERT_OPEN),
        partial_index("ix_alert_waking", "wake_at", where=ALERT_WAKING),
    )
    id: int = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True, max_length=24)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    study_id: int = Field(foreign_key="study.id")
    slot_id: int = Field(foreign_key="slot.id", sa_type=sa.BigInteger)
    rule: str = Field(max_length=40)
    response_version: int
    raised_at: datetime
    staff_alerted_at: datetime | None = None
    escalated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = Field(default=None, max_length=80)
    closed_at: datetime | None = None
    closed_by: str | None = Field(default=None, max_length=80)
    closing_note: str | None = Field(default=None, max_length=400)
    wake_at: datetime | None = None


class AlertAction(SQLModel, table=True):
    """Something that was done about an alert, append-only."""

    __tablename__ = "alert_action"
    id: int = Field(default=None, primary_key=True)
    alert_id: int = Field(foreign_key="alert.id", index=True)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    kind: AlertActionKind = Field(sa_type=enum_type(AlertActionKind))
    note: str | None = Field(default=None, max_length=400)
    recorded_at: datetime
    recorded_by: str = Field(max_length=80)


class Settlement(SQLModel, table=True):
    """A decision about one open matter, append-only.

    `ref` names the very records that the matter is about: what changes after that is another matter.
    """

    __table_args__ = (sa.UniqueConstraint("participant_id", "kind", "ref"),)
    id: int = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id")
    kind: MatterKind = Field(sa_type=enum_type(MatterKind))
    ref: str = Field(max_length=120)
    decision: MatterDecision = Field(sa_type=enum_type(MatterDecision))
    reason: str = Field(max_length=400)
    settled_at: datetime
    settled_by: str = Field(max_length=80)
