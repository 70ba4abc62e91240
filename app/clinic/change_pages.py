"""Pages on which something is typed, previewed and only then recorded."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class MoveRow:
    """How one form's window changes; a run of diary days is told as one, with their number."""

    visit: str
    form: str
    old: tuple[date, date] | None
    new: tuple[date, date] | None
    missed: bool
    days: int = 0


@dataclass(frozen=True, slots=True)
class DatesPage:
    """A dated fact: first typed, then previewed, then recorded."""

    template: ClassVar[str] = "clinic/dates.html"
    subject: str
    back_url: str
    action_url: str
    kinds: tuple[tuple[str, str], ...]
    kind: str
    on: str
    reason: str
    today: str
    step: str  # "enter" | "confirm"
    moves: tuple[MoveRow, ...] = ()
    dated_on: date | None = None
    missed: str = ""
    stays: date | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class DispositionPage:
    """Leaving: first typed, then what stops is listed, then recorded."""

    template: ClassVar[str] = "clinic/disposition.html"
    subject: str
    back_url: str
    action_url: str
    kinds: tuple[str, ...]
    kind: str
    stated: str
    reason: str
    today: str
    step: str  # "enter" | "confirm"
    effective_on: date | None = None
    ends: bool = False
    forms: tuple[str, ...] = ()
    diary_days: int = 0
    opens_early_termination: bool = False
    error: str = ""
