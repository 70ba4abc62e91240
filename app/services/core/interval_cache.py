"""Bounded caches whose entries hold between two known moments, one of each kind for an installation."""

from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

CachedResult = TypeVar("CachedResult")
_EVER = datetime.min.replace(tzinfo=UTC)
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


class IntervalCache(Generic[CachedResult]):
    """The last `most` results of a rule whose result depends on its content, and on time at known moments.

    A result is handed out again only for the same content, and between two of those moments: there the rule
    would say the same.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[Hashable, tuple[datetime, datetime, CachedResult]] = {}
        self._lock = Lock()

    def find(
        self,
        content: Hashable,
        at: datetime,
        compute: Callable[[], tuple[CachedResult, Iterable[datetime]]],
    ) -> CachedResult:
        """The result for this content at this moment.

        `compute` gives it, and the moments from each of which on it may be another one.
        """
        entry = self._entries.get(content)
        if entry is not None and entry[0] <= at < entry[1]:
            return entry[2]
        result, transitions = compute()
        moments = list(transitions)
        since = max([moment for moment in moments if moment <= at], default=_EVER)
        until = min([moment for moment in moments if moment > at], default=_FOR_EVER)
        with self._lock:
            self._entries.pop(content, None)
            self._entries[content] = since, until, result
            if len(self._entries) > self._most:
                del self._entries[next(iter(self._entries))]
        return result


class CacheOwner:
    """What the caches of one installation belong to: they go when it goes, and another begins with none."""

    __slots__ = ("__weakref__",)


class OwnedCache(Generic[CachedResult]):
    """One kind of result with an `IntervalCache` for each owner, whose entries are of that type alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._caches: WeakKeyDictionary[CacheOwner, IntervalCache[CachedResult]] = WeakKeyDictionary()
        self._lock = Lock()

    def get_cache(self, owner: CacheOwner) -> IntervalCache[CachedResult]:
        """The cache of this owner."""
        cache = self._caches.get(owner)
        if cache is None:
            with self._lock:
                cache = self._caches.setdefault(owner, IntervalCache(self._most))
        return cache
