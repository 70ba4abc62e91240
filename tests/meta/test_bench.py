"""The benchmark still runs, every pass of it, on hardly any rows; its figures then mean nothing."""

import os
import re
import sys
from pathlib import Path

import pytest

from bench.__main__ import main
from tests import postgres
from tests.forks import fork

ROWS = (
    "H: a bare coroutine says hello, CPU",
    "form document, gzip",
    "form document, requests",
    "form document, CPU",
    "form with a draft, CPU",
    "form, last seen two minutes ago, CPU",
    "save one answer, of L_save",
    "save one answer, CPU",
    "save one answer, p99",
    "submit 30 items, of L_submit",
    "submit 30 items, CPU",
    "submit, last seen two minutes ago, CPU",
    "submit 30 items, p99",
    "... memory of a worker, PSS",
    "save one answer, SQLite and one worker  ",
    "save one answer, SQLite and one worker, CPU",
    "save one answer, SQLite and one worker, p99",
    "submit 30 items, SQLite and one worker  ",
    "submit 30 items, SQLite and one worker, CPU",
    "submit 30 items, SQLite and one worker, p99",
    "work list of one site, SQL p95",
    "... queries",
    "work list of all sites, SQL p95",
    "... median with 2,600 closed slots fewer",
    "participant page, SQL p95",
    "work list of one site, CPU",
    "work list of all sites, CPU",
    "work list, gzip",
    "participant page of one site, CPU",
    "participant page of all sites, CPU",
    "matrix, 50 participants of all sites, CPU",
    "report of 200 participants, completeness, SQL",
    "report of 200 participants, diary, SQL",
    "page of 1,000 changes at the beginning",
    "page of 1,000 changes after 1,000",
    "pull of ",
    "... CPU of each",
    "... memory of a worker above that before",
    "form document beside it, p99 of that at rest",
    "form document beside an export of",
    "idle tick beside 2,000 slots, SQL",
    "claim 500 reminders",
    "verify",
    "score 1,000,000 forms (reckoned from 2,000), CPU",
    "... of the CPU for one by one",
    "... memory above that for 100 forms",
    "export 1 people, 244 forms,",
    "... memory of it",
    "daybook --help, CPU; limit: a bare import of argparse",
    "daybook health, CPU; limit: the same",
    "serve until ready, CPU; limit: import all its libraries",
    "... limit: import the six frameworks alone",
    "... 2 workers, CPU of each; limit: all libraries",
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
def test_every_row_is_printed(postgres_cluster: postgres.Cluster, tmp_path: Path) -> None:
    """On the test process's own PostgreSQL: what is measured means nothing here."""
    environ = os.environ | {postgres.ADDRESS: postgres_cluster.admin}
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        code = fork(["-m", "bench", "--tiny"], environ, out.fileno(), err.fileno()).wait()
    said, errors = ((tmp_path / name).read_text("utf-8") for name in ("out", "err"))
    assert code == 0, said + errors
    table = said.splitlines()[2:]
    assert [row for row in ROWS if not any(line.startswith(row) for line in table)] == []
    figures = table[: table.index("")]
    assert len(figures) >= len(ROWS)
    assert all(re.search(r"\d", line) for line in figures)
    requests = next(line for line in table if line.startswith("phone: ... requests until then"))
    assert requests.endswith(" met")


@pytest.mark.slow
def test_a_pass_that_fails_says_why_and_the_next_one_is_taken(
    postgres_cluster: postgres.Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(postgres.ADDRESS, postgres_cluster.admin)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), str(tmp_path)]))
    code = main(["--tiny", "--only", "phone,clock"])
    lines = capsys.readouterr().out.splitlines()
    failed = next(number for number, line in enumerate(lines) if line.startswith("phone: FAILED: "))
    assert "no chromium on this machine" in lines[failed]
    assert any(line.startswith("claim 500 reminders") for line in lines[failed:])
    assert lines[-1] == "failed passes: phone"
    assert code == 1


def test_an_unknown_pass_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "nothing"]) == 2
    assert (
        "known: form, save, submit, sqlite, desk, feed, pull, clock, verify, scoring, datasets, start, demo,"
        " phone" in capsys.readouterr().err
    )
