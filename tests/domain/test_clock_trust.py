"""The wall clock is believed as long as boot clock and trail do not contradict it (TIM-04)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.clock_trust import (
    CLOCK_LIMIT,
    ClockReading,
    choose_anchor,
    follows_anchor,
    is_behind_trail,
    is_over,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BOOT = timedelta(hours=9)
ANCHOR = ClockReading(NOON, BOOT)
WEEK = timedelta(days=7)
TICK = timedelta(seconds=1)
SPANS = st.timedeltas(timedelta(days=-4000), timedelta(days=4000))


@pytest.mark.req("TIM-04")
@given(
    runs=st.timedeltas(timedelta(), timedelta(days=400)),
    jump=st.one_of(SPANS, st.timedeltas(-2 * CLOCK_LIMIT, 2 * CLOCK_LIMIT)),
)
def test_only_a_jump_makes_the_clocks_part(runs: timedelta, jump: timedelta) -> None:
    reading = ClockReading(NOON + runs + jump, BOOT + runs)
    assert follows_anchor(ANCHOR, reading) == (abs(jump) <= CLOCK_LIMIT)


@given(gap=SPANS, allowed=st.timedeltas(timedelta(days=1), timedelta(days=3650)))
def test_a_start_is_believed_up_to_the_gap(gap: timedelta, allowed: timedelta) -> None:
    newest = NOON - gap
    anchor = choose_anchor(ANCHOR, newest, None, allowed)
    if -CLOCK_LIMIT <= gap <= allowed:
        assert anchor == ANCHOR
    else:
        assert anchor == ClockReading(newest, BOOT)
        assert not follows_anchor(anchor, ANCHOR)


def test_a_first_start_has_nothing_to_contradict_it() -> None:
    assert choose_anchor(ANCHOR, None, None, WEEK) == ANCHOR
    assert not is_behind_trail(ANCHOR, None)


@pytest.mark.parametrize("newest", [NOON - timedelta(days=3000), NOON + timedelta(days=3000)])
def test_what_an_operator_confirmed_outweighs_the_trail(newest: datetime) -> None:
    confirmed = ClockReading(NOON - 3 * WEEK, BOOT - 3 * WEEK)
    assert choose_anchor(ANCHOR, newest, confirmed, WEEK) == confirmed
    jumped = ClockReading(NOON + CLOCK_LIMIT + TICK, BOOT)
    assert choose_anchor(jumped, newest, confirmed, WEEK) == ClockReading(newest, BOOT)


def test_the_limit_itself_is_allowed() -> None:
    assert not is_behind_trail(ANCHOR, NOON + CLOCK_LIMIT)
    assert is_behind_trail(ANCHOR, NOON + CLOCK_LIMIT + TICK)


@pytest.mark.parametrize(
    ("since", "over"),
    [
        (NOON - timedelta(hours=1), False),
        (NOON - timedelta(hours=1) - TICK, True),
        (NOON + CLOCK_LIMIT, False),
        (NOON + CLOCK_LIMIT + TICK, True),
        (NOON + timedelta(days=3000), True),
    ],
)
def test_what_began_in_the_future_is_over(since: datetime, over: bool) -> None:
    assert is_over(since, NOON, timedelta(hours=1)) == over
