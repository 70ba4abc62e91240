"""The benchmark still runs, every pass of it, on hardly any rows; its figures then mean nothing."""

import os
import re
import subprocess
import sys

import pytest

from tests.meta.sources import ROOT

ROWS = (
    "H: a bare coroutine says hello, CPU",
    "form document, gzip",
    "form document, requests",
    "form document, CPU",
    "save one answer, of L_save",
    "save one answer, CPU",
    "submit 30 items, of L_submit",
    "submit 30 items, CPU",
    "overdue page of one site, SQL p95",
    "overdue page of all sites, SQL p95",
    "... the same with 4,000 closed slots fewer",
    "overdue page of one site, CPU",
    "overdue page of all sites, CPU",
    "page of 1,000 changes at the beginning",
    "page of 1,000 changes after 1,000",
    "idle tick beside 6,000 slots, SQL",
    "claim 500 reminders",
    "score 1,000,000 forms (reckoned from 2,000), CPU",
    "... memory above that for 100 forms",
    "daybook --help, CPU; limit: a bare import of argparse",
    "daybook health, CPU; limit: the same",
    "serve until ready, CPU; limit: import all its libraries",
    "... limit: import the six frameworks alone",
    "... 4 workers, CPU of each; limit: all libraries",
    "phone: first usable question",
    "phone: ... requests until then",
    "phone: ... long tasks until then",
    "phone: next question, p95",
    "phone: from Send to the thanks",
    "phone: waiting, whole form",
    "phone: bodies received, whole form",
    "phone: ... with the headers",
)


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    """The benchmark as it is run: not traced for coverage, which would double its cost."""
    untraced = {name: told for name, told in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
    command = [sys.executable, "-m", "bench", *options]
    return subprocess.run(command, cwd=ROOT, env=untraced, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_row_is_printed() -> None:
    done = bench("--tiny")
    assert done.returncode == 0, done.stderr
    table = done.stdout.splitlines()[2:]
    assert [row for row in ROWS if not any(line.startswith(row) for line in table)] == []
    assert all(re.search(r"\d", line) for line in table[: len(ROWS)])
    requests = next(line for line in table if line.startswith("phone: ... requests until then"))
    assert requests.endswith(" met")


def test_an_unknown_pass_is_refused_with_the_known_ones() -> None:
    done = bench("--only", "nothing")
    assert (
        done.returncode,
        "known: form, save, submit, desk, feed, clock, scoring, phone" in done.stderr,
    ) == (
        2,
        True,
    )
