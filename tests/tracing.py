"""Which tests are not measured for coverage: the tracer makes Python half as slow again.

A test in a browser, and the PostgreSQL half of some tests of use cases, walk through code that other
tests hold line by line. They run as ever; only the tracer rests meanwhile. What nothing else walks
through would be missing from the floors of coverage, so that the choice cannot hide anything.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from coverage import Coverage

from tests.distribution import SHARING

ALIKE = frozenset(
    f"tests/services/test_{name}.py"
    for name in ("demo", "dispositions", "entry", "reminding", "ticking", "worklist")
)
"""Dear tests of use cases in which no line runs on PostgreSQL alone."""
_SUBPROCESSES = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
"""Where the tracer of a program that a test starts finds its settings."""


def is_untraced(item: pytest.Item) -> bool:
    """Whether other tests cover the lines that this one runs through."""
    module = item.nodeid.partition("::")[0]
    if "chromium" in getattr(item, "fixturenames", ()):
        return module not in SHARING  # whose program is started by the first test of all
    return module in ALIKE and "[postgresql" in item.nodeid


@contextmanager
def paused() -> Iterator[None]:
    """Stop measuring in this process and in the programs that it starts; go on afterwards."""
    running = Coverage.current()
    settings = {name: os.environ.pop(name) for name in _SUBPROCESSES if name in os.environ}
    if running is not None:
        running.stop()
    try:
        yield
    finally:
        os.environ.update(settings)
        if running is not None:
            running.start()
