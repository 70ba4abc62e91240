"""What was found for some content is handed out again between the moments that change it, and not beyond."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from weakref import ref

from app.services.core.interval_cache import CacheOwner, IntervalCache, OwnedCache

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)


def test_a_cached_result_is_recomputed_for_new_content_and_times() -> None:
    results: IntervalCache[str] = IntervalCache(2)
    computed: list[str] = []

    def ask(content: str, at: datetime, *turns: datetime) -> bool:
        """Whether it was found anew."""

        def judge() -> tuple[str, Iterable[datetime]]:
            computed.append(content)
            return f"{content} {len(computed)}", iter(turns)

        before = len(computed)
        result = results.find(content, at, judge)
        assert result.startswith(f"{content} ")
        return len(computed) > before

    turns = NOON, NOON + 2 * HOUR
    assert ask("a", NOON + HOUR, *turns)
    assert not ask("a", NOON)
    assert not ask("a", NOON + 2 * HOUR - TICK)
    assert ask("a", NOON + 2 * HOUR, *turns)
    assert not ask("a", NOON + 1000 * HOUR)
    assert ask("a", NOON - TICK, *turns)
    assert not ask("a", NOON - 1000 * HOUR)
    assert ask("b", NOON)
    assert not ask("b", NOON + HOUR), "nothing turns it"
    assert not ask("a", NOON - HOUR)
    assert ask("c", NOON)
    assert ask("a", NOON - HOUR), "only the last two are kept"


def test_an_owner_has_its_own_cache_which_goes_with_it() -> None:
    names: OwnedCache[str] = OwnedCache(2)
    one, other = CacheOwner(), CacheOwner()
    names.get_cache(one).find("a", NOON, lambda: ("mine", ()))
    assert names.get_cache(one).find("a", NOON, lambda: ("not asked", ())) == "mine"
    assert names.get_cache(other).find("a", NOON, lambda: ("yours", ())) == "yours"
    gone = ref(names.get_cache(one))
    del one
    assert gone() is None
