"""Which dear tests need not be traced, because others walk through every line and branch that they reach.

The list is made from the traces of each test for itself:

    pytest -n 2 --cov --cov-context=test --cov-report= --junitxml=report.xml
    python -m tests.untraced .coverage report.xml

A test that is not in the list is traced. Should a line be reached by listed tests alone, the floors of
coverage name it.
"""

import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.distribution import SHARING

LIST = Path(__file__).with_name("untraced.txt")
DEAR_SECONDS = 0.05
"""What is quicker is traced always."""
ALWAYS = (
    *SHARING,
    "tests/services/test_report.py::test_days_from_the_target",
    "tests/services/test_submission.py::test_what_was_read_before",
    "tests/services/test_submission.py::test_a_sending_that_is_overtaken",
)
"""Traced always: what a shared fixture reaches bears no test's name, SQL is compiled once a process, and what
threads reach beside each other they reach by chance."""

Branch = tuple[int, int, int]
"""File, and the lines that it leads from and to."""


def address_of(nodeid: str) -> str:
    """A test function, on PostgreSQL apart from elsewhere; its other cases count together."""
    return f"{nodeid.partition('[')[0]}{'[postgresql]' if 'postgresql' in nodeid else ''}"


@cache
def untraced_tests() -> frozenset[str]:
    """The addresses in the list."""
    return frozenset(LIST.read_text("utf-8").split())


def choose(reached: Mapping[str, set[Branch]], seconds: Mapping[str, float]) -> list[str]:
    """The dear tests that can rest together: all others still reach every branch, in as little time as found.

    Of the dear ones those are traced that reach the most new branches in a second.
    """
    dear = {
        each for each in reached if seconds.get(each, 0.0) >= DEAR_SECONDS and not each.startswith(ALWAYS)
    }
    left = set().union(*(reached[each] for each in dear))
    left -= set().union(*(reached[each] for each in reached if each not in dear))
    while left:
        best = max(sorted(dear), key=lambda each: len(reached[each] & left) / seconds[each])
        dear.remove(best)
        left -= reached[best]
    return sorted(dear)


def read_branches(traces: Path) -> Mapping[str, set[Branch]]:
    """By test: each branch that it alone took in its own steps, not while it was prepared."""
    query = "SELECT context, file_id, fromno, tono FROM arc JOIN context ON context.id = context_id"
    reached: dict[str, set[Branch]] = defaultdict(set)
    with closing(sqlite3.connect(traces)) as connection:
        for context, *branch in connection.execute(query):
            nodeid, _, phase = context.rpartition("|")
            if phase == "run":
                reached[address_of(nodeid)].add((branch[0], branch[1], branch[2]))
    return reached


def read_seconds(cases: Iterable[ET.Element]) -> Mapping[str, float]:
    """By test: how long all its cases took."""
    seconds: dict[str, float] = defaultdict(float)
    for case in cases:
        module = f"{case.get('classname', '').replace('.', '/')}.py"
        seconds[address_of(f"{module}::{case.get('name', '')}")] += float(case.get("time", "0"))
    return seconds


if __name__ == "__main__":
    seconds = read_seconds(ET.parse(sys.argv[2]).getroot().iter("testcase"))
    chosen = choose(read_branches(Path(sys.argv[1])), seconds)
    LIST.write_text("".join(f"{address}\n" for address in chosen), "utf-8")
