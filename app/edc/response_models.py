"""What the API answers, as the published OpenAPI tells it."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Receipt(BaseModel):
    """What a PUT did."""

    resource: str
    version: int
    changed: bool
    as_of: datetime | None
    claimed_as_of: datetime | None = None


class WindowOut(BaseModel):
    """A window in whole local days and as UTC instants, half-open."""

    opens_on: date
    target_on: date
    closes_on: date
    opens_at: datetime
    closes_at: datetime
    zone: str


class MoveOut(BaseModel):
    """How one form's window moves."""

    visit: str
    instrument: str
    before: WindowOut | None
    after: WindowOut | None
    would_be_missed: bool


class AnchorOut(BaseModel):
    """What an anchor did, or would do (`dry_run`: no resource and version then)."""

    resource: str | None = None
    version: int | None = None
    changed: bool
    as_of: datetime | None = None
    claimed_as_of: datetime | None = None
    dry_run: bool
    standing: Literal["current", "differing"]
    windows: list[MoveOut]


class TokenOut(BaseModel):
    """An access token (RFC 6749 §5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str


class TokenRefused(BaseModel):
    """Why there is no token (RFC 6749 §5.2)."""

    error: str
    error_description: str


class ClientOut(BaseModel):
    """The client itself."""

    client: str
    name: str
    study: str
    sites: list[str] | None
    scopes: list[str]
    expires_at: datetime


class ParticipantOut(BaseModel):
    """A participant; `arm` only with `arm:read`."""

    subject: str
    site: str
    status: str
    language: str
    reference_date: date
    zone: str
    consented: bool
    dispositions: list[dict[str, str]]
    anchors: dict[str, dict[str, str]]
    as_of: datetime | None
    version: int
    arm: str | None = None


class StatusOut(BaseModel):
    """The status that the EDC stated last (all null: none yet), and what is in force."""

    subject: str
    status: str | None
    date: str | None
    scope: str | None
    reason: str | None
    as_of: datetime | None
    claimed_as_of: datetime | None
    version: int
    in_force: list[dict[str, str]]


class ArmOut(BaseModel):
    """The arm that the EDC stated last."""

    subject: str
    arm: str | None
    as_of: datetime | None
    version: int


class StatedAnchorOut(BaseModel):
    """A dated fact as the EDC stated it last, and the date in force with its source."""

    subject: str
    kind: str
    date: str | None
    at: datetime | None
    as_of: datetime | None
    version: int
    in_force: dict[str, str] | None


class VisitFormOut(BaseModel):
    """One expected form of a visit; its state is served under `/forms`."""

    assessment: str
    instrument: str
    instrument_version: str
    opens_on: date | None
    target_on: date | None
    closes_on: date | None
    zone: str


class FormOut(VisitFormOut):
    """One expected form and its state now."""

    status: str


class VisitOut(BaseModel):
    """A visit as the EDC stated it last, and its forms."""

    subject: str
    visit: str
    state: str | None
    date: str | None
    as_of: datetime | None
    version: int
    forms: list[VisitFormOut]


class FormsOut(BaseModel):
    """The forms of a visit with their state now."""

    subject: str
    visit: str
    forms: list[FormOut]


class Event(BaseModel):
    """One change: the whole state after it. A stub (`withheld`) has number and hashes only."""

    seq: int
    type: str
    site: str | None = None
    subject: str | None = None
    visit: str | None = None
    ref: str | None = None
    version: int | None = None
    recorded_at: datetime | None = None
    actor: dict[str, str] | None = None
    reason: dict[str, str] | None = None
    changed: list[str] | None = None
    data: dict[str, object] | None = None
    digests: dict[str, str] | None = None
    salts: dict[str, str] | None = None
    scopes: dict[str, str] | None = None
    needs: str | None = None
    envelope_sha256: str
    prev_hash: str
    hash: str


class AuditHead(BaseModel):
    """The newest seal over the audit trail; keep it."""

    day: str
    chains: int
    hash: str


class ChangesOut(BaseModel):
    """A stretch of the feed; store `through`."""

    feed: str
    after: int
    through: int
    head: int
    complete: bool
    audit_head: AuditHead | None
    items: list[Event]


class ScoreOut(BaseModel):
    """One scale of one assessment; `value` is null when it cannot be scored, `status` says why."""

    seq: int
    assessment: str
    version: int
    site: str
    subject: str
    visit: str
    instrument: str
    instrument_version: str
    algorithm: str
    completed_at: datetime
    out_of_window: bool
    scale: str
    value: str | float | None
    answered: int
    asked: int
    status: str


class ScoresOut(BaseModel):
    """A stretch of scores; store `through`."""

    feed: str
    after: int
    through: int
    head: int
    complete: bool
    audit_head: AuditHead | None
    items: list[ScoreOut]


class CutOut(BaseModel):
    """A named cut: the feed through a number, as known at an instant, read by these versions."""

    name: str
    feed: str
    through: int
    feed_hash: str
    at: datetime
    plan_version: str
    plan_sha256: str
    app_version: str
    purpose: str
    made_by: str


class CutsOut(BaseModel):
    """The cuts of a study, the newest first."""

    study: str
    items: list[CutOut]


class ExportFileOut(BaseModel):
    """A file of an export; a description of datasets has no records of its own."""

    name: str
    href: str
    records: int | None
    size: int
    sha256: str


class ExportOut(BaseModel):
    """An export and how far it is. `contents` are known, and `files` there, once it is ready."""

    id: str
    state: Literal["waiting", "making", "ready", "failed", "removed"]
    cut: str
    purpose: str
    formats: list[str]
    dataset: str | None
    without: list[str]
    requested_at: datetime
    done: int
    total: int
    contents: list[str]
    ended_at: datetime | None
    fault: str | None
    kept_until: datetime | None
    size: int
    files: list[ExportFileOut]


class ExportsOut(BaseModel):
    """The newest exports of a client."""

    study: str
    items: list[ExportOut]


class StudyOut(BaseModel):
    """The study and its versions."""

    study: str
    feed: str
    head: int
    plan_version: str
    plan_sha256: str
    zone: str
    time_rule: str
    languages: list[str]
    arms: list[str]
    anchors: list[dict[str, str]]
    visits: list[str]
    instruments: list[dict[str, str]]
    formats: list[str]
    audit_head: AuditHead | None


class Problem(BaseModel):
    """Problem details (RFC 9457); `errors` name each fault by a JSON pointer."""

    model_config = ConfigDict(extra="allow")
    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[dict[str, str]] | None = None
