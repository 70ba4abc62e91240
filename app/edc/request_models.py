"""What the EDC sends and receives, as the published OpenAPI tells it. Closed: an unknown field is refused."""

import json
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.domain.records.audit import canonical_json
from app.domain.records.visits import VisitState
from app.services.edc.participants import StatusWord, WithdrawalScope
from app.services.edc.records import to_milliseconds
from app.services.edc.refused_bodies import FIRST_TAKEN, LAST_TAKEN
from app.web.form_fields import strict_digits

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})")


def _day(value: object) -> object:
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        raise ValueError("must be a date as YYYY-MM-DD")
    return value


def _likely(day: date) -> date:
    if not FIRST_TAKEN <= day <= LAST_TAKEN:
        raise ValueError(f"must lie between {FIRST_TAKEN} and {LAST_TAKEN}")
    return day


def _instant(value: object) -> object:
    if not isinstance(value, str) or _INSTANT.fullmatch(value.upper()) is None:
        raise ValueError("must be an instant with its offset, as 2026-02-13T03:10:00Z")
    return value


def _in_utc(at: datetime) -> datetime:
    """In UTC, to the millisecond: as finely as it is served."""
    _likely(at.date())
    return to_milliseconds(at.astimezone(UTC))


def _switch(value: object) -> object:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value


DayInTrial = Annotated[date, BeforeValidator(_day), AfterValidator(_likely)]
Instant = Annotated[datetime, BeforeValidator(_instant), AfterValidator(_in_utc)]
AsOf = Annotated[Instant, Field(description="When this became true in the EDC; an older one is refused")]
PlainCode = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
SubjectPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$", examples=["0571-014"])]
VisitPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,19}$", examples=["W12"])]
AnchorKindPath = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["randomisation"])]
AssessmentPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{8,24}$")]
CutName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$", examples=["IA1"])]
CutPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$", examples=["IA1"])]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}$", examples=["adqs"])]
DatasetPath = Annotated[str, Path(pattern=r"^[A-Za-z]{2,8}$", examples=["adqs"])]
ExportPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{16}$")]
FilePath = Annotated[str, Path(pattern=r"^[a-z]{2,12}\.[a-z]{3,8}$", examples=["adqs.csv"])]
StreamedFormat = Literal["csv", "ndjson", "json", "xpt"]
ExportFormat = Literal["csv", "ndjson", "json", "xpt", "parquet"]
DataContent = Literal["arm", "answers", "scores", "diary"]
Digits = BeforeValidator(strict_digits)
VersionPath = Annotated[int, Path(ge=1, le=2**31 - 1), Digits]
Epoch = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,32}$")]
SequenceNumber = Annotated[int, Field(ge=0, le=2**62), Digits]
Switch = Annotated[bool, BeforeValidator(_switch)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


Served = Annotated[Any, Field(json_schema_extra={"readOnly": True})]
"""A member that a GET serves and the EDC cannot set: it may come back as it was served."""


class StatedIn(_Closed):
    """A whole state: what a GET of the same address serves, changed or not.

    A member that GET serves as `null`, because nothing was stated yet, may come back so with all others.
    """

    as_of: AsOf | None
    subject: Served = None
    version: Served = None

    def stated_members(self, **changes: object) -> dict[str, Any]:
        """Everything that was sent, as a GET would spell it."""
        spelled: dict[str, Any] = json.loads(canonical_json(self.model_dump(exclude_unset=True) | changes))
        return spelled

    def unwritable_members(self) -> dict[str, Any]:
        """The members of a body that the EDC cannot set, in words."""
        extra = {name: field.json_schema_extra for name, field in type(self).model_fields.items()}
        return {name: value for name, value in self.stated_members().items() if extra[name] is not None}


class ParticipantIn(StatedIn):
    """A participant by code; names, telephones and birth dates have no place here."""

    site: PlainCode
    status: Literal["enrolled"] = "enrolled"
    language: PlainCode = Field(description="Of the study, such as `zh-Hans` or `en`")
    reference_date: DayInTrial = Field(description="Day of enrolment, from which the baseline window counts")
    zone: Served = None
    consented: Served = None
    dispositions: Served = None
    anchors: Served = None
    arm: Served = None


class StatusIn(StatedIn):
    """What became of a participant. A death may be known to the month only."""

    status: StatusWord | None
    date: str | None = Field(default=None, pattern=r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$")
    scope: WithdrawalScope | None = Field(default=None, description="What was withdrawn from")
    reason: str | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9_]{0,39}$", description="A code, no text")
    claimed_as_of: Served = None
    in_force: Served = None


class VisitIn(StatedIn):
    """A visit as the EDC knows it."""

    state: VisitState | None
    date: DayInTrial | None = None
    visit: Served = None
    forms: Served = None


class AnchorIn(StatedIn):
    """A dated fact, with its instant where that is known."""

    date: DayInTrial | None
    at: Instant | None = None
    kind: Served = None
    in_force: Served = None


class ArmIn(StatedIn):
    """The randomised group."""

    arm: PlainCode | None


Purpose = Annotated[
    str, Field(min_length=1, max_length=400, description="What it is for; stands in the audit trail")
]


class CutIn(_Closed):
    """A named cut to be made."""

    name: CutName
    purpose: Purpose


class CutChangesQuery(_Closed):
    """From which cut on, and what for."""

    since: CutName
    purpose: Purpose


class DatasetQuery(_Closed):
    """The query of a dataset: its cut, purpose and format; without one the format that the client takes."""

    cut: CutName
    purpose: Purpose
    format: StreamedFormat | None = None
    bom: Switch = Field(default=False, description="Begin CSV with the mark by which spreadsheets know UTF-8")


class ExportIn(_Closed):
    """An export to be made."""

    cut: CutName
    purpose: Purpose
    formats: Annotated[list[ExportFormat], Field(min_length=1, max_length=5)]
    dataset: DatasetName | None = Field(default=None, description="One dataset alone; without it all")
    without: Annotated[list[DataContent], Field(max_length=4)] = []
    bom: bool = Field(
        default=False, description="Begin CSV with the mark by which spreadsheets know UTF-8", strict=True
    )


class ConfirmQuery(_Closed):
    """How a fact is meant that may move forms."""

    confirm: Switch = Field(
        default=False, description="Accept forms that are missed at once, and dates against their order"
    )


class AnchorQuery(ConfirmQuery):
    """How an anchor is meant."""

    dry_run: Switch = Field(default=False, description="Show what would move; change nothing")


class ScoresQuery(_Closed):
    """Which stretch of the feed."""

    after: SequenceNumber = Field(default=0, description="The `through` that was stored last")
    limit: Annotated[int, Digits] = Field(default=500, ge=1, le=1000)
    feed: Epoch | None = Field(default=None, description="The feed id that `after` belongs to")


class ChangesQuery(ScoresQuery):
    """Which stretch of the feed, of which type, and how long to wait for news."""

    wait: Annotated[int, Digits] = Field(
        default=0, ge=0, le=30, description="Seconds to wait when there is nothing new"
    )
    type: str | None = Field(default=None, pattern=r"^[a-z_]{1,20}\.(\*|[a-z_]{1,20})$")
