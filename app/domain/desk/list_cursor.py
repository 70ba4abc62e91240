"""Where a list of the desk goes on, and in which order it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ListCursor:
    """The keyset cursor of a list: the last row's place in the order, its moment and its key."""

    at: datetime
    key: int
    rank: int = 0


class ListOrder(StrEnum):
    """An order other than the usual one of a list."""

    newest = "newest"
    oldest = "oldest"
