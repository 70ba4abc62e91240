"""A seed becomes a case: a form, what phones may keep, how wrong their clocks are, and a list of acts."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

WEIGHTS = {
    "answer": 40,
    "back": 4,
    "offline": 6,
    "online": 0,
    "kill": 5,
    "start": 0,
    "crash": 5,
    "close": 3,
    "restart": 3,
    "open": 6,
    "idle": 2,
    "wait": 3,
    "send": 6,
    "close window": 2,
    "end grace": 1,
    "end late arrival": 1,
}
SLIGHTLY, BADLY = 30 * 60, 3 * 24 * 3600
"""The furthest, in seconds, that a clock is off by."""

_CURES = {"offline": "online", "kill": "start"}
_PAUSES = (0, 0, 0.001, 0.003, 0.006, 0.01, 0.02, 0.05)


class Keeping(StrEnum):
    """What a plan lets a phone keep: nothing, answers that wait, or the blank form as well."""

    nothing = "nothing"
    outbox = "outbox"
    forms = "forms"


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens: to which phone, with which answer, and how long until the next."""

    kind: str
    phone: int
    value: int
    pause: float

    def __str__(self) -> str:
        return f"{self.kind} {'AB'[self.phone]} {self.value} ({self.pause * 1000:.0f} ms)"


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a seed decides. `clocks`: the seconds by which the two phones' clocks are ahead."""

    form: str
    keeping: Keeping
    clocks: tuple[int, int]
    acts: tuple[Act, ...]

    @property
    def study(self) -> str:
        return study_of(self.form, self.keeping)

    def __str__(self) -> str:
        return f"form {self.form}, a phone keeps {self.keeping}, clocks ahead by {self.clocks} s"


def study_of(form: str, keeping: Keeping) -> str:
    """The study in which phones keep so much of this form."""
    return f"faults-{form}-{keeping}"


def draw_case(seed: int) -> Case:
    """A case of ten to twenty-five acts; the same seed draws the same."""
    draw = random.Random(f"list {seed}")
    form = draw.choice(("short", "diary", "list"))
    keeping = draw.choices(list(Keeping), (2, 7, 3))[0]
    clocks = _clock(draw), _clock(draw)
    second = draw.random() < 0.4
    acts = [
        Act(kind, int(second and draw.random() < 0.3), draw.randint(1, 4), draw.choice(_PAUSES))
        for kind in _kinds(draw, draw.randint(10, 25))
    ]
    return Case(form, keeping, clocks, tuple(acts))


def _clock(draw: random.Random) -> int:
    if draw.random() >= 0.4:
        return 0
    furthest = draw.choice((SLIGHTLY, BADLY))
    return draw.randint(-furthest, furthest)


def _kinds(draw: random.Random, count: int) -> Iterator[str]:
    """Troubles pass before long: somebody without a connection mostly gets it back."""
    weights = dict(WEIGHTS)
    for _ in range(count):
        kind = draw.choices(list(weights), list(weights.values()))[0]
        yield kind
        for trouble, cure in _CURES.items():
            if kind in (trouble, cure):
                weights[cure] = 25 if kind == trouble else 0
