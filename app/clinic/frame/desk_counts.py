"""Cached counts of open work, as the menu and the front page of the desk show them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from starlette.requests import Request

from app.domain.records.access import Grant
from app.services.core.context import StaffContext

LASTS = timedelta(seconds=60)
"""How old a count may be; the list itself is always counted anew."""
_MOST = 1000

CountReader = Callable[[StaffContext], Any]
_CountValue = TypeVar("_CountValue")


class DeskCounts:
    """A cache of counts by the grants of whoever looks; every act of the desk in this process empties it."""

    def __init__(self) -> None:
        self._known: dict[tuple[CountReader, tuple[Grant, ...]], tuple[datetime, Any]] = {}

    def read(self, context: StaffContext, count: Callable[[StaffContext], _CountValue]) -> _CountValue:
        """The count for this actor, at most `LASTS` old."""
        key = (count, context.actor.grants)
        known = self._known.get(key)
        if known is not None and timedelta() <= context.at - known[0] < LASTS:
            return cast("_CountValue", known[1])
        if len(self._known) >= _MOST:
            self.forget()
        number = count(context)
        self._known[key] = context.at, number
        return number

    def forget(self) -> None:
        """Empty the cache: each count is read again when it is asked for next."""
        self._known.clear()


def get_desk_counts(request: Request) -> DeskCounts:
    """The counts of this application."""
    counts: DeskCounts = request.app.state.desk_counts
    return counts
