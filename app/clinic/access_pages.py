"""The page of participants who need help with getting in."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class LockedRow:
    """Somebody whose tries are used up, and until when."""

    subject: str
    url: str
    site: str
    until: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class UnusedRow:
    """Somebody who has bound no phone since they were enrolled."""

    subject: str
    url: str
    site: str
    enrolled_on: date
    days: int


@dataclass(frozen=True, slots=True)
class AccessPage:
    """Who cannot get in; `after_days` is when an enrolment without a phone appears here."""

    template: ClassVar[str] = "clinic/access.html"
    locked_out: tuple[LockedRow, ...]
    not_activated: tuple[UnusedRow, ...]
    after_days: int
