"""Which tests are not measured for coverage: the tracer makes a test of use cases take 1.7 times as long.

A test in a browser, the PostgreSQL half of the tests above storage, and tests that draw hundreds of cases
walk through code that other tests hold line by line. They run as ever; only the tracer rests meanwhile.
What nothing else walks through would be missing from the floors of coverage, so that the choice cannot
hide anything.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pytest
from coverage import Coverage

from tests.event_loop import close_portal
from tests.untraced import address_of, untraced_tests

OUTSIDE = (
    "tests/faults/",
    "tests/journeys/",
    "tests/jobs/test_workers.py",
    "tests/meta/test_bench.py",
    *(f"tests/program/test_{name}.py" for name in ("proxies", "restarts", "serving")),
)
"""What runs the program as a whole; others hold it line by line. Traced, its imports take half longer."""
ONE_DATABASE = ("tests/faces/", "tests/services/")
"""Where hardly a line of the program runs on PostgreSQL alone."""
TRACED_ON_BOTH = frozenset(
    f"tests/services/test_{name}.py"
    for name in ("capture", "contact_log", "readiness", "report", "restoring", "submission", "today")
)
"""Modules there which are the only ones to reach such a line."""
DRAWN = frozenset(
    {
        "tests/faces/test_any_request.py",
        "tests/faces/test_edc_contract.py::test_whatever_is_sent_is_answered_as_published",
        "tests/services/test_clock_law.py",
        "tests/services/test_one_truth.py",
    }
)
"""Modules and tests that draw their cases, beside which others hold each line by an example."""
STATEMENT_PACKAGES = ("app.storage.", "app.services.clinic.")
"""Where statements are built once for each shape of a question."""
_SUBPROCESSES = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
"""Where the tracer of a program that a test starts finds its settings."""


def is_untraced(item: pytest.Item) -> bool:
    """Whether other tests cover the lines that this one runs through."""
    return address_of(item.nodeid) in untraced_tests() or is_untraced_by_kind(item)


def is_untraced_by_kind(item: pytest.Item) -> bool:
    """The same by what kind of test it is, whatever the list says."""
    function = item.nodeid.partition("[")[0]
    module = function.partition("::")[0]
    if "chromium" in getattr(item, "fixturenames", ()):
        return True
    if module.startswith(OUTSIDE) or module in DRAWN or function in DRAWN:
        return True
    return "postgresql" in item.nodeid and module.startswith(ONE_DATABASE) and module not in TRACED_ON_BOTH


@contextmanager
def paused() -> Iterator[None]:
    """Stop measuring in this process and in the programs that it starts; go on afterwards."""
    running = Coverage.current()
    close_portal()
    settings = {name: os.environ.pop(name) for name in _SUBPROCESSES if name in os.environ}
    if running is not None:
        running.stop()
    try:
        yield
    finally:
        close_portal()
        os.environ.update(settings)
        if running is not None:
            forget_built_statements()
            running.start()


def forget_built_statements() -> None:
    """Let whoever is traced next build its statements anew: they are kept for each shape, once a process.

    Else it is a matter of chance whether the lines that build them were walked through while nobody measured.
    """
    for builder in _statement_builders(len(sys.modules)):
        builder.cache_clear()


@lru_cache(maxsize=1)
def _statement_builders(_number_of_modules: int) -> Sequence[Any]:
    """Functions that keep what they built; looked up again when a module was imported since."""
    modules = [module for name, module in sys.modules.items() if name.startswith(STATEMENT_PACKAGES)]
    return [each for module in modules for each in vars(module).values() if hasattr(each, "cache_clear")]
