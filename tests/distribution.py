"""Which tests run on the same worker, and which come first.

The mark `xdist_group` is lost on pytest 9.2 without a word (pytest-dev/pytest-xdist#1386): whatever
tests share was made once more on the other worker. The hook that chooses a scheduler is public.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

SHARING = ("tests/journeys/test_demo.py", "tests/services/test_demo.py")
"""The modules whose tests share something dear."""

_KINDS = ("sqlite", "postgresql")


def scope_of(nodeid: str) -> str:
    """The tests of one scope run on one worker, one after the other; most tests are free."""
    module, _, rest = nodeid.partition("::")
    if module not in SHARING:
        return nodeid
    kind = next((kind for kind in _KINDS if f"[{kind}" in rest), "")
    return f"{module}@{kind}"


def scheduler(config: object, log: object) -> LoadScopeScheduling:
    """Larger scopes are handed out first, then test by test."""
    made = LoadScopeScheduling(config, log)
    made._split_scope = scope_of
    return made


def slow_first(items: list[pytest.Item]) -> None:
    """Bring the slow tests to the front, so that no worker has one left when the other is idle."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
