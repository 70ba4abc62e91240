"""One statement counts a try and decides: in parallel, over time, and after a clock that was ahead."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlmodel import Session

from app.storage.engine import open_engine
from app.storage.statements.throttle import (
    FullCounter,
    TryLimit,
    count_try,
    release_counted_tries,
    take_back_try,
)
from app.storage.tables.staff import Throttle

HOUR = timedelta(hours=1)
PARALLEL = 60
WORKERS = 3
_NAMES = count()


def limit(name: str, tries: int = 5, cleared: bool = True) -> TryLimit:
    return TryLimit(name, tries, HOUR, cleared)


def stored(engine: Engine, name: str) -> Throttle:
    with Session(engine) as session:
        return session.get_one(Throttle, name)


@pytest.fixture
def workers(migrated_url: str) -> Iterator[Sequence[Engine]]:
    """The engines of several server processes on one database."""
    with ExitStack() as opened:
        engines = [open_engine(migrated_url) for _ in range(WORKERS)]
        for engine in engines:
            opened.callback(engine.dispose)
        yield engines


@pytest.mark.req("IAM-12")
def test_guesses_at_the_same_moment_get_five_tries(workers: Sequence[Engine], at: datetime) -> None:
    """Sixty in parallel, spread over processes; the counters are there already, and are not."""
    count_try(workers[0], [limit("known")], at - HOUR)
    for name in ("new", "known"):
        together = threading.Barrier(WORKERS * 4)

        def guess(number: int, name: str = name, together: threading.Barrier = together) -> bool:
            if number < WORKERS * 4:
                together.wait()
            limits = [limit(name), limit(f"{name} beside", 50, cleared=False)]
            return not isinstance(count_try(workers[number % WORKERS], limits, at), FullCounter)

        with ThreadPoolExecutor(WORKERS * 4) as pool:
            assert sum(pool.map(guess, range(PARALLEL))) == 5
        assert stored(workers[0], name).failures == 5
        assert stored(workers[0], f"{name} beside").failures == 5


@pytest.mark.req("IAM-12")
def test_a_counter_that_is_ahead_is_dated_back_once_and_runs_out(engine: Engine, at: datetime) -> None:
    """Five failures counted while the clock showed 2031; then the clock is right again."""
    ahead = datetime(2031, 1, 1, tzinfo=at.tzinfo)
    for _ in range(5):
        count_try(engine, [limit("a")], ahead)
    for minutes in (0, 30, 59):
        assert count_try(engine, [limit("a")], at + timedelta(minutes=minutes)) == FullCounter(at + HOUR)
    assert stored(engine, "a").since_at == at
    assert not isinstance(count_try(engine, [limit("a")], at + HOUR), FullCounter)


def test_who_is_refused_under_a_narrow_limit_fills_no_wide_one(engine: Engine, at: datetime) -> None:
    narrow, wide = limit("narrow", 2), limit("wide", 50, cleared=False)
    for _ in range(9):
        count_try(engine, [narrow, wide], at)
    assert stored(engine, "wide").failures == 2


def test_a_success_takes_back_its_own_try_and_hides_nobody_else_s(engine: Engine, at: datetime) -> None:
    wide = limit("wide", 50, cleared=False)
    count_try(engine, [limit("stranger"), wide], at)
    count_try(engine, [limit("nurse"), wide], at)
    counted = count_try(engine, [limit("nurse"), wide], at)
    assert not isinstance(counted, FullCounter)
    release_counted_tries(engine, counted)
    assert [stored(engine, name).failures for name in ("stranger", "nurse", "wide")] == [1, 0, 2]


def test_a_try_of_an_earlier_hour_is_not_taken_back_from_this_one(engine: Engine, at: datetime) -> None:
    slow = count_try(engine, [limit("a")], at)
    assert not isinstance(slow, FullCounter)
    count_try(engine, [limit("a")], at + HOUR)
    take_back_try(engine, slow)
    assert stored(engine, "a").failures == 1


@dataclass
class Counter:
    """What a counter does, told a second time without a database."""

    failures: int = 0
    since: datetime | None = None

    def is_open(self, at: datetime) -> bool:
        return self.since is None or at >= self.since + HOUR or self.failures < 5

    def add(self, at: datetime) -> None:
        if self.since is None or self.failures == 0 or at >= self.since + HOUR:
            self.failures, self.since = 0, at
        self.failures, self.since = self.failures + 1, min(self.since, at)


@dataclass
class Law:
    """Counters of the database beside those of the model, and the failures that were let through."""

    engine: Engine
    at: datetime
    prefix: str
    counters: dict[str, Counter] = field(default_factory=dict)

    def check_try(self, who: str, ending: str) -> None:
        counter = self.counters.setdefault(who, Counter())
        counted = count_try(self.engine, [limit(f"{self.prefix}{who}")], self.at)
        if isinstance(counted, FullCounter):
            assert not counter.is_open(self.at)
            counter.since = min(counter.since or self.at, self.at)
            assert counted.until == counter.since + HOUR
            assert self.at < counted.until <= self.at + HOUR
            return
        assert counter.is_open(self.at)
        counter.add(self.at)
        assert counted[0].since_at == counter.since
        assert 1 <= counter.failures <= 5
        if ending == "right":
            release_counted_tries(self.engine, counted)
            counter.failures = 0
        elif ending == "undecided":
            take_back_try(self.engine, counted)
            counter.failures -= 1


TRIES = st.tuples(st.sampled_from("ab"), st.sampled_from(["wrong"] * 5 + ["right", "undecided"]))
CLOCKS = st.sampled_from([0] * 8 + [10, 59, 60, 61, -30, -600, 2_600_000])
"""By how many minutes the clock moves before a try: mostly not, at times by an hour, at times wrongly."""


@pytest.mark.req("IAM-12")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(st.tuples(CLOCKS, TRIES), min_size=8, max_size=40))
def test_tries_in_any_order_are_counted_as_the_rule_says(
    engine: Engine, at: datetime, drawn: list[tuple[int, tuple[str, str]]]
) -> None:
    law = Law(engine, at, f"{next(_NAMES)}:")
    for minutes, (who, ending) in drawn:
        law.at += timedelta(minutes=minutes)
        law.check_try(who, ending)
