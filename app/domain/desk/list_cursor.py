"""Where a list of the desk goes on."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ListCursor:
    """The keyset cursor of a list: the last row's place in the order, its moment and its key."""

    at: datetime
    key: int
    rank: int = 0
