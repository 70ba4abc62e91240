"""A mail server that is out of order is left alone for a while, and then tried by one letter."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notify.breaker import FAILURES, FIRST_PAUSE, OUTAGES, CircuitBreaker
from app.notify.channel import MessageText, SendFailed, Unconfirmed

AT = datetime(2026, 3, 4, 11, tzinfo=UTC)
LETTER = MessageText("k1", "reader@example.org", "A form is ready", "https://d.test/", "en", AT)
UNREACHABLE, NOBODY = SendFailed("unreachable"), SendFailed("recipient_refused", lasting=True)
LONGEST = 16 * FIRST_PAUSE


@dataclass
class Relay:
    """A channel that ends as it is told to."""

    ends: Exception | None = None
    letters: list[MessageText] = field(default_factory=list)

    def send(self, letter: MessageText) -> None:
        self.letters.append(letter)
        if self.ends is not None:
            raise self.ends


def send(breaker: CircuitBreaker, relay: Relay, ends: Exception | None, at: datetime = AT) -> None:
    relay.ends = ends
    if ends is None:
        breaker.send(replace(LETTER, at=at))
        return
    with pytest.raises(type(ends)):
        breaker.send(replace(LETTER, at=at))


def test_outages_in_a_row_open_it_for_longer_each_time() -> None:
    relay = Relay()
    breaker = CircuitBreaker(relay)
    for ends in (UNREACHABLE, Unconfirmed()):
        send(breaker, relay, ends)
        assert not breaker.is_open(AT)
    pauses = []
    at = AT
    for _ in range(7):
        send(breaker, relay, UNREACHABLE, at)
        pause = FIRST_PAUSE
        while breaker.is_open(at + pause):
            pause += FIRST_PAUSE
        pauses.append(pause / FIRST_PAUSE)
        assert not breaker.is_open(at - timedelta(seconds=1)), "a clock that was set back ends the pause"
        at += pause
    assert pauses == [1, 2, 4, 8, 16, 16, 16]
    send(breaker, relay, None, at)
    send(breaker, relay, UNREACHABLE, at)
    assert not breaker.is_open(at)


ENDS = st.one_of(
    st.none(),
    st.just(Unconfirmed()),
    st.just(NOBODY),
    st.sampled_from(sorted(OUTAGES)).map(SendFailed),
)


@given(st.lists(ENDS, max_size=12))
def test_it_is_open_after_so_many_outages_in_a_row_and_never_for_long(ends: list[Exception | None]) -> None:
    relay = Relay()
    breaker = CircuitBreaker(relay)
    for each in ends:
        send(breaker, relay, each)
    in_a_row = 0
    for each in ends:
        outage = isinstance(each, Unconfirmed) or (isinstance(each, SendFailed) and each.code in OUTAGES)
        in_a_row = in_a_row + 1 if outage else 0
    assert breaker.is_open(AT) is (in_a_row >= FAILURES)
    assert not breaker.is_open(AT + LONGEST)
    assert len(relay.letters) == len(ends), "it counts, and keeps no letter from leaving"
