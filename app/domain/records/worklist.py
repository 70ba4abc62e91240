"""How the work list is ordered: by urgency, then by when a form closes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Urgency(StrEnum):
    """How urgent a form is; the order of declaration is that of the list."""

    overdue = "overdue"
    due = "due"
    open = "open"


@dataclass(frozen=True, slots=True)
class WorklistCursor:
    """A keyset cursor: the last row of a page, by its group's rank, when it closes, and its key."""

    rank: int
    closes_at: datetime
    key: int
