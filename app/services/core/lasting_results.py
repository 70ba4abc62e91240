"""Results that hold for a stretch of time, kept by all that they were made of."""

from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime
from threading import Lock
from typing import Generic, TypeVar

Result = TypeVar("Result")
_EVER = datetime.min.replace(tzinfo=UTC)
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


class LastingResults(Generic[Result]):
    """The last `most` results of a rule that time changes at known moments alone.

    A result is handed out again only for the same content, and between two of those moments: there the rule
    would say the same.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[Hashable, tuple[datetime, datetime, Result]] = {}
        self._keeping = Lock()

    def find(
        self,
        content: Hashable,
        at: datetime,
        judge: Callable[[], tuple[Result, Iterable[datetime]]],
    ) -> Result:
        """What holds of this content at this moment.

        `judge` finds it, and the moments from each of which on something else may hold.
        """
        kept = self._kept.get(content)
        if kept is not None and kept[0] <= at < kept[1]:
            return kept[2]
        result, turns = judge()
        moments = list(turns)
        since = max([each for each in moments if each <= at], default=_EVER)
        until = min([each for each in moments if each > at], default=_FOR_EVER)
        with self._keeping:
            self._kept.pop(content, None)
            self._kept[content] = since, until, result
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
        return result
