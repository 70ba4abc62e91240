"""A few hashes at a time, a short queue, and a refusal beyond it; what is known is not crowded out."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from app.domain.refusal import Refused
from app.services.core.hashing import RETRY_SECONDS, HashCost, HashingSlots, SecretHasher, count_slots
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.core.throttling import TRIES, check_guess, staff_limits
from app.settings import DEMO_KEY
from tests.scenarios.people import START

CHEAP = HashCost(1, 8, 1)
FULL = HashingSlots(1, -1, 0)
"""What never has room for anybody."""


@pytest.mark.req("SEC-10")
@pytest.mark.parametrize(("slots", "waiting", "reserved"), [(1, 4, 8), (2, 4, 8), (1, 0, 1), (3, 2, 0)])
def test_sixty_at_once_take_the_slots_and_the_queue_and_no_more(
    slots: int, waiting: int, reserved: int
) -> None:
    """The first ones hash until everybody else has been refused; so the counts depend on nobody's pace."""
    pool = HashingSlots(slots, waiting, reserved)
    others_refused, guard = threading.Event(), threading.Lock()
    tallies: Counter[str] = Counter()
    running = peak = 0
    expected = 60 - slots - waiting

    def hash_once(_number: int) -> None:
        nonlocal running, peak
        try:
            with pool.enter(known=False):
                with guard:
                    running += 1
                    peak = max(peak, running)
                assert others_refused.wait(300)
                with guard:
                    running -= 1
                    tallies["served"] += 1
        except Refused as refused:
            with guard:
                tallies[refused.code] += refused.details["seconds"] == RETRY_SECONDS
                if tallies["sign_in_busy"] == expected:
                    others_refused.set()

    with ThreadPoolExecutor(60) as threads:
        list(threads.map(hash_once, range(60)))
    assert tallies == {"served": slots + waiting, "sign_in_busy": expected}
    assert peak == slots
    with pool.enter(known=False):
        assert running == 0


def test_known_browsers_hash_when_strangers_are_throttled() -> None:
    pool = HashingSlots(1, -1, 1)
    hasher = SecretHasher(CHEAP, pool)
    stored = SecretHasher(CHEAP).hash("135790")
    assert hasher.matches(stored, "135790", known=True)
    assert hasher.hash("135790")
    with pytest.raises(Refused, match="sign_in_busy"):
        hasher.matches(stored, "135790")


def test_passwords_and_pins_do_not_wait_for_each_other() -> None:
    box = SecretBox(DEMO_KEY, CHEAP)
    assert box.passwords.slots is not box.pins.slots
    object.__setattr__(box, "passwords", SecretHasher(CHEAP, FULL))
    assert box.pins.matches(box.pins.hash("135790"), "135790")


@pytest.mark.parametrize(("cores", "slots"), [(None, 1), (1, 1), (2, 1), (4, 2), (64, 2)])
def test_two_kinds_have_one_slot_each_on_two_cores(cores: int | None, slots: int) -> None:
    assert count_slots(cores) == slots


def test_a_guess_without_a_hashing_slot_counts_no_failure(installation: Installation) -> None:
    limits = staff_limits("staff", "nurse@example.org", "192.0.2.1", None)
    full = SecretHasher(CHEAP, FULL)
    for _ in range(TRIES + 1):
        with pytest.raises(Refused, match="sign_in_busy"):
            check_guess(installation, limits, START, partial(full.matches, None, "guess"))
    for _ in range(TRIES):
        assert not check_guess(installation, limits, START, lambda: False)
    with pytest.raises(Refused, match="throttled"):
        check_guess(installation, limits, START, lambda: True)
