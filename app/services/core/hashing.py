"""Memory-hard hashes of what people remember, a few at a time: each takes 64 MiB and a core (Argon2id)."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from app.domain.refusal import Refused

WAITING = 4
"""How many may wait for a slot; whoever comes after them is asked to come again."""
RESERVED = 8
"""How many more may wait of those who are known already: browsers with an earlier success, bound phones."""
RETRY_SECONDS = 3
"""By then everybody who waits has long been served."""


@dataclass(frozen=True, slots=True)
class HashCost:
    """How dear one guess at a PIN or password is: passes, KiB of memory, lanes (Argon2id)."""

    passes: int = 3
    memory_kib: int = 65536
    lanes: int = 1


MOST_SLOTS = 2
"""Of one kind in one process, however many cores there are: memory is what runs out first."""


def count_slots(cores: int | None) -> int:
    """How many hashes of one kind may run at once: with two kinds, one slot each on two cores."""
    return min(MOST_SLOTS, max(1, (cores or 1) // 2))


class HashingSlots:
    """A bounded number of slots and of callers who wait for one."""

    def __init__(self, slots: int, waiting: int = WAITING, reserved: int = RESERVED) -> None:
        self._most, self._most_known = slots + waiting, slots + waiting + reserved
        self._inside, self._guard, self._slots = 0, threading.Lock(), threading.Semaphore(slots)

    @contextmanager
    def enter(self, known: bool) -> Iterator[None]:
        """Take a slot, or wait for one. Raises Refused("sign_in_busy") where too many wait already."""
        with self._guard:
            if self._inside >= (self._most_known if known else self._most):
                raise Refused("sign_in_busy", seconds=RETRY_SECONDS)
            self._inside += 1
        try:
            with self._slots:
                yield
        finally:
            with self._guard:
                self._inside -= 1


@dataclass(frozen=True, slots=True)
class SecretHasher:
    """Hashes one kind of secret; kinds do not wait for each other."""

    cost: HashCost
    slots: HashingSlots = field(
        default_factory=lambda: HashingSlots(count_slots(os.cpu_count())), compare=False
    )

    def hash(self, secret: str) -> str:
        """A memory-hard hash. Raises Refused("sign_in_busy")."""
        with self.slots.enter(known=True):
            return self._hasher().hash(secret)

    def matches(self, stored: str | None, secret: str, known: bool = False) -> bool:
        """Whether the secret is the one; takes as long when there is none to compare with (SEC-07).

        `known`: asked by a browser that proved itself before. Raises Refused("sign_in_busy").
        """
        hasher = self._hasher()
        with self.slots.enter(known):
            if stored is None:
                hasher.hash(secret)
                return False
            try:
                return hasher.verify(stored, secret)
            except (VerifyMismatchError, InvalidHashError):
                return False

    def _hasher(self) -> PasswordHasher:
        return PasswordHasher(
            time_cost=self.cost.passes, memory_cost=self.cost.memory_kib, parallelism=self.cost.lanes
        )
