"""Records of the busiest paths: what prebuilt statements read and write, frozen, by the names of the columns.

To build rows of the ORM for one submission, none of which is ever flushed, cost more than reading them did.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from app.domain.plans.status import ExitKind
from app.domain.records.participants import TextSize


class DeviceRecord(NamedTuple):
    """A bound browser."""

    id: int
    seen_at: datetime
    locked_at: datetime | None
    handed_over_by: str | None
    handed_slot_id: int | None
    helper: str | None
    helper_on: date | None


class ParticipantRecord(NamedTuple):
    """What every request of a participant needs of them."""

    id: int
    public_id: str
    study_id: int
    subject: str
    plan_version: str
    language: str
    text_size: TextSize
    zone: str
    exit_kind: ExitKind | None
    enrolled_at: datetime


class ContactRecord(NamedTuple):
    """Where a participant is reached, sealed."""

    channel: str
    address_sealed: str
    recorded_at: datetime
    entered_by: str | None
    telephone_sealed: str


class SiteRecord(NamedTuple):
    """What participants see of a site."""

    id: int
    code: str
    phone: str
    hours: str
    urgent_words: Mapping[str, str] | None
    week_hours: Mapping[str, str] | None
    emergency_phone: str
    zone: str


class StudyRecord(NamedTuple):
    """A study by its code."""

    code: str


class SlotRecord(NamedTuple):
    """A slot without the columns that nothing on the way of an answer reads."""

    id: int
    public_id: str
    study_id: int
    visit: str
    series: str
    instrument: str
    instrument_version: str
    plan_version: str
    anchor: str
    arm_revealing: bool
    for_day: date | None
    zone: str
    opens_on: date | None
    target_on: date | None
    closes_on: date | None
    opens_at: datetime | None
    due_at: datetime | None
    overdue_at: datetime | None
    closes_at: datetime | None
    grace_until: datetime | None
    window_version: int
    begun_at: datetime | None
    submitted_at: datetime | None
    out_of_window: bool
    excused: str | None
    out_of_plan: bool
    published_state: str | None
    published_window: int | None
    missed_reason: str | None
    missed_note: str | None
    exit_kind: ExitKind | None
    exit_at: datetime | None
    helped_by: str | None
    late_reason: str | None
    version: int
    wake_at: datetime | None


class ChainHeadRecord(NamedTuple):
    """Where a chain of the audit trail ends."""

    chain: str
    seq: int
    hash: str


class ResponseRecord(NamedTuple):
    """A response before it is stored: every column but the key."""

    public_id: str
    slot_id: int
    study_id: int
    version: int
    submission: str
    content_sha256: str
    answers: dict[str, Any]
    scores: list[dict[str, Any]]
    instrument_sha256: str
    text_sha256: str
    algorithm: str
    language: str
    originator: str
    helped_by: str | None
    mode: str
    collected_on: date | None
    late_reason: str | None
    presentation: dict[str, Any]
    app_version: str
    out_of_window: bool
    in_grace: bool
    device_at: datetime | None
    device_offset: int | None
    device_skew: int | None
    captured_offline: bool
    clock_untrusted: bool
    begun_at: datetime
    submitted_at: datetime
    device_id: int | None
