"""Anchors, dispositions, visits and slots: the dated facts and the forms expected from them."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.domain.plans.status import ExitKind
from app.domain.records.anchors import AnchorStanding
from app.storage.tables.columns import big_key_type, enum_type, partial_index


class Anchor(SQLModel, table=True):
    """A dated fact from which visits are counted, with source and reason; history is kept."""

    __table_args__ = (
        partial_index(
            "uq_anchor_current", "participant_id", "kind", where="standing = 'current'", unique=True
        ),
        partial_index("ix_anchor_differing", "participant_id", where="standing = 'differing'"),
    )
    id: int = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    kind: str = Field(max_length=40)
    dated_on: date
    dated_at: datetime | None = None
    standing: AnchorStanding = Field(sa_type=enum_type(AnchorStanding))
    source: str = Field(max_length=10)
    reason: str | None = Field(default=None, max_length=400)
    recorded_at: datetime
    recorded_by: str = Field(max_length=80)


class Disposition(SQLModel, table=True):
    """A dated change of a participant's part in the study; undone only by a new entry."""

    id: int = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    kind: str = Field(max_length=40)
    effective_on: date
    stated_date: str = Field(max_length=10)
    source: str = Field(max_length=10)
    reason: str | None = Field(default=None, max_length=400)
    recorded_at: datetime
    recorded_by: str = Field(max_length=80)
    undoes_id: int | None = Field(default=None, foreign_key="disposition.id", unique=True)


class VisitRecord(SQLModel, table=True):
    """What the EDC says of a visit: planned, occurred, missed or cancelled, with its date."""

    __tablename__ = "visit_record"
    __table_args__ = (sa.UniqueConstraint("participant_id", "visit"),)
    id: int = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id")
    visit: str = Field(max_length=20)
    state: str = Field(max_length=20)
    dated_on: date | None = None
    recorded_at: datetime


_LIVE = "submitted_at IS NULL AND exit_kind IS NULL AND excused IS NULL AND opens_at IS NOT NULL"
_UNEXPLAINED = f"{_LIVE} AND for_day IS NULL AND missed_reason IS NULL"
_UNEXPLAINED_EXITED = f"{_UNEXPLAINED.replace('exit_kind IS', 'exit_kind IS NOT')} AND exit_at >= opens_at"


class Slot(SQLModel, table=True):
    """One expected form: participant × visit × instrument, created ahead.

    Holds facts only; its state is derived (app.domain.status). `exit_*` and `site_id` repeat
    the participant's, so that one index answers the work list. `wake_at` is the next moment
    at which something is owed; it can always be computed anew.
    """

    __table_args__ = (
        sa.UniqueConstraint("participant_id", "visit", "instrument"),
        partial_index(
            "uq_slot_for_day",
            "participant_id",
            "instrument",
            "for_day",
            where="for_day IS NOT NULL",
            unique=True,
        ),
        partial_index(
            "ix_slot_live_site",
            "site_id",
            "closes_at",
            "opens_at",
            "due_at",
            "overdue_at",
            where=f"{_LIVE} AND for_day IS NULL",
        ),
        partial_index(
            "ix_slot_live_diary",
            "site_id",
            "closes_at",
            "opens_at",
            "overdue_at",
            "participant_id",
            where=f"{_LIVE} AND for_day IS NOT NULL",
        ),
        partial_index("ix_slot_live_opens", "site_id", "opens_at", where=f"{_LIVE} AND for_day IS NULL"),
        partial_index(
            "ix_slot_live_study",
            "study_id",
            "closes_at",
            "participant_id",
            where=f"{_LIVE} AND for_day IS NULL",
        ),
        partial_index(
            "ix_slot_opens_study",
            "study_id",
            "opens_at",
            "participant_id",
            where=f"{_LIVE} AND for_day IS NULL",
        ),
        partial_index("ix_slot_live_person", "participant_id", "closes_at", where=_LIVE),
        partial_index("ix_slot_begun", "site_id", "grace_until", where=f"{_LIVE} AND begun_at IS NOT NULL"),
        partial_index("ix_slot_unexplained_site", "site_id", "closes_at", where=_UNEXPLAINED),
        partial_index(
            "ix_slot_unexplained_study", "study_id", "closes_at", "participant_id", where=_UNEXPLAINED
        ),
        partial_index("ix_slot_unexplained_person", "participant_id", "closes_at", where=_UNEXPLAINED),
        partial_index("ix_slot_unexplained_left", "study_id", "closes_at", where=_UNEXPLAINED_EXITED),
        partial_index("ix_slot_wake", "wake_at", where="wake_at IS NOT NULL"),
        sa.CheckConstraint(
            "(opens_at IS NULL) = (closes_at IS NULL) AND (opens_at IS NULL) = (due_at IS NULL)"
            " AND (opens_at IS NULL) = (overdue_at IS NULL) AND (opens_at IS NULL) = (grace_until IS NULL)",
            name="window_whole",
        ),
    )
    id: int = Field(default=None, primary_key=True, sa_type=big_key_type())
    public_id: str = Field(unique=True, max_length=24)
    study_id: int = Field(foreign_key="study.id")
    participant_id: int = Field(foreign_key="participant.id")
    site_id: int = Field(foreign_key="site.id")
    visit: str = Field(max_length=20)
    series: str = Field(max_length=20)
    instrument: str = Field(max_length=40)
    instrument_version: str = Field(max_length=20)
    plan_version: str = Field(max_length=20)
    anchor: str = Field(max_length=40)
    arm_revealing: bool
    position: int
    for_day: date | None = None
    zone: str = Field(max_length=40)
    opens_on: date | None = None
    target_on: date | None = None
    closes_on: date | None = None
    opens_at: datetime | None = None
    due_at: datetime | None = None
    overdue_at: datetime | None = None
    closes_at: datetime | None = None
    grace_until: datetime | None = None
    window_version: int = 0
    begun_at: datetime | None = None
    submitted_at: datetime | None = None
    out_of_window: bool = False
    excused: str | None = Field(default=None, max_length=40)
    missed_reason: str | None = Field(default=None, max_length=40)
    missed_note: str | None = Field(default=None, max_length=400)
    exit_kind: ExitKind | None = Field(default=None, sa_type=enum_type(ExitKind))
    exit_at: datetime | None = None
    helped_by: str | None = Field(default=None, max_length=20)
    helper_on: date | None = None
    late_reason: str | None = Field(default=None, max_length=40)
    published_state: str | None = Field(default=None, max_length=20)
    published_window: int | None = None
    out_of_plan: bool = False
    version: int = 0
    wake_at: datetime | None = None
