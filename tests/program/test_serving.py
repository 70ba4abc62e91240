"""The server as a process of its own: started, ready, watched by its supervisor, stopped."""

import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from pathlib import Path

import pytest

from app.cli import main
from tests import postgres
from tests.program.programs import SECONDS, start_server, status_of

UVICORN_PATIENCE_SECONDS = 5


def hold(pids: Collection[int]) -> None:
    """Give these no time at all for longer than uvicorn waits: as on a machine that is very busy."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        # Twice the ping's rhythm for each worker on top, so that the pause surely spans a whole ping.
        time.sleep(UVICORN_PATIENCE_SECONDS + 4)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
def owner_url(postgres_cluster: postgres.Cluster, migrated_postgres: str) -> str:
    """A migrated database for the role that made it."""
    return postgres_cluster.url(migrated_postgres)


@pytest.mark.req("IAM-12")
def test_the_program_serves_throttles_and_stops_on_a_signal(tmp_path: Path) -> None:
    """Called from this machine, which the server's own reading of the header would believe."""
    with start_server(f"sqlite:///{tmp_path / 'data' / 'daybook.sqlite3'}", tmp_path, program=True) as server:
        server.wait_for(1)
        assert main(["health", "--url", f"{server.base}/readyz"]) == 0
        assert main(["health", "--url", f"{server.base}/nope"]) == 1
        statuses = [_guess(server.base, f"198.51.100.{number}") for number in range(6)]
    assert statuses == [403] * 5 + [429]
    assert server.process.returncode in (0, -signal.SIGTERM)
    assert '"route":"/readyz","status":200' in server.log
    assert "Traceback" not in server.log


def _guess(base: str, claimed: str) -> int:
    request = urllib.request.Request(
        f"{base}/desk/sign-in", b"email=nobody@example.org&password=guess", {"X-Forwarded-For": claimed}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def _command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_stopped_while_its_workers_start_leaves_none(
    owner_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    with start_server(owner_url, tmp_path, "--workers", "4") as server:
        workers = server.wait_for_forks(1)
        server.process.send_signal(number)
        assert server.process.wait(SECONDS) in (0, -number)
    assert workers
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert "Traceback" not in server.log


@pytest.mark.slow
def test_workers_are_forked_a_slow_one_is_not_killed_and_a_dead_one_is_replaced(
    owner_url: str, tmp_path: Path
) -> None:
    """Four are forked and held while they start; then one does not answer for longer than uvicorn waits,
    and one is killed.

    A fork has the command line of its supervisor; a new interpreter would have one of its own.
    """
    with start_server(owner_url, tmp_path, "--workers", "4") as server:
        starting = server.wait_for_forks(4)
        hold(starting)
        server.wait_for(4)
        workers = server.workers()
        assert workers == starting
        assert [_command_of(pid) for pid in workers] == [_command_of(server.process.pid)] * 4
        hold([min(workers)])
        assert server.workers() == workers
        assert status_of(f"{server.base}/healthz") == 200
        assert server.started_workers == 4
        assert len(set(re.findall(r"Started server process \[(\d+)\]", server.log))) == 4
        assert "died" not in server.log
        dead = max(workers)
        os.kill(dead, signal.SIGKILL)
        server.wait_for(5)
        assert len(server.workers()) == 4
        assert server.workers() > workers - {dead}
        assert status_of(f"{server.base}/readyz") == 200
    assert server.process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in server.log
