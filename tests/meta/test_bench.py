"""The benchmark still runs, every pass of it, on hardly any rows; its figures then mean nothing."""

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
    "phone: first usable question",
    "phone: ... requests until then",
    "phone: ... long tasks until then",
    "phone: next question, p95",
    "phone: from Send to the thanks",
    "phone: waiting, whole form",
    "phone: bodies received, whole form",
    "phone: ... with the headers",
)


@pytest.mark.slow
def test_every_row_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--tiny"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    table = done.stdout.splitlines()[2:]
    assert [row for row in ROWS if not any(line.startswith(row) for line in table)] == []
    assert all(re.search(r"\d", line) for line in table[: len(ROWS)])
    requests = next(line for line in table if line.startswith("phone: ... requests until then"))
    assert requests.endswith(" met")


def test_an_unknown_pass_is_refused_with_the_known_ones() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--only", "nothing"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        done.returncode,
        "known: form, save, submit, desk, feed, clock, scoring, phone" in done.stderr,
    ) == (
        2,
        True,
    )
