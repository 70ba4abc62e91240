"""The page on which staff see and close what participants asked for."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One open request; a call has no form."""

    key: int
    kind: str  # "call" | "correction"
    subject: str
    url: str
    site: str
    form: str
    form_url: str
    visit: str
    day: date | None
    asked_at: datetime
    zone: str
    action_url: str


@dataclass(frozen=True, slots=True)
class RequestsPage:
    """Open requests of one's own sites, oldest first; `failed` is the one that could not be closed."""

    template: ClassVar[str] = "clinic/requests.html"
    rows: tuple[RequestRow, ...]
    most: int
    closed: bool = False
    failed: int = 0
    outcome: str = ""
    error: str = ""
