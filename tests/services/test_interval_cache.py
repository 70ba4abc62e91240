"""What was found for some content is handed out again between the moments that change it, and not beyond."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from weakref import ref

from app.services.core.interval_cache import CacheOwner, IntervalCache, OwnedCache

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)


def test_a_result_is_found_anew_for_other_content_and_from_each_turn_on() -> None:
    results: IntervalCache[str] = IntervalCache(2)
    found: list[str] = []

    def ask(content: str, at: datetime, *turns: datetime) -> bool:
        """Whether it was found anew."""

        def judge() -> tuple[str, Iterable[datetime]]:
            found.append(content)
            return f"{content} {len(found)}", iter(turns)

        before = len(found)
        result = results.find(content, at, judge)
        assert result.startswith(f"{content} ")
        return len(found) > before

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
    names.of(one).find("a", NOON, lambda: ("mine", ()))
    assert names.of(one).find("a", NOON, lambda: ("not asked", ())) == "mine"
    assert names.of(other).find("a", NOON, lambda: ("yours", ())) == "yours"
    gone = ref(names.of(one))
    del one
    assert gone() is None
