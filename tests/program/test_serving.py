"""The server as a program of its own: started, ready, watched by its supervisor, stopped."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.cli import main
from tests.program.programs import SECONDS, started, status_of

UVICORN_PATIENCE_SECONDS = 5


@contextmanager
def busy_neighbours(count: int) -> Iterator[None]:
    """Processes that want the whole of a core each."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in processes:
            each.kill()
            each.wait()


def test_the_program_serves_and_stops_when_told(tmp_path: Path) -> None:
    with started(f"sqlite:///{tmp_path / 'data' / 'daybook.sqlite3'}", tmp_path) as server:
        server.wait_for(1)
        assert main(["health", "--url", f"{server.base}/readyz"]) == 0
        assert main(["health", "--url", f"{server.base}/nope"]) == 1
    assert server.process.returncode in (0, -signal.SIGTERM)
    assert '"route":"/readyz","status":200' in server.log
    assert "Traceback" not in server.log


@pytest.mark.req("IAM-12")
def test_nobody_evades_the_throttle_of_the_program_by_a_header(tmp_path: Path) -> None:
    """Called from this machine, which the server's own reading of the header would believe."""
    with started(f"sqlite:///{tmp_path / 'daybook.sqlite3'}", tmp_path) as server:
        server.wait_for(1)
        statuses = [_guess(server.base, f"198.51.100.{number}") for number in range(6)]
    assert statuses == [403] * 5 + [429]


def _guess(base: str, claimed: str) -> int:
    request = urllib.request.Request(
        f"{base}/desk/sign-in", b"email=nobody@example.org&password=guess", {"X-Forwarded-For": claimed}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_workers_are_forked_and_one_that_died_is_replaced(postgres_url: str, tmp_path: Path) -> None:
    """A fork has the command line of its supervisor; a new interpreter would have one of its own."""
    with started(postgres_url, tmp_path, "--workers", "2") as server:
        server.wait_for(2)
        before = server.workers()
        assert [_command_of(pid) for pid in before] == [_command_of(server.process.pid)] * 2
        os.kill(min(before), signal.SIGKILL)
        server.wait_for(3)
        assert len(server.workers()) == 2
        assert max(before) in server.workers()
        assert status_of(f"{server.base}/readyz") == 200
    assert server.process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in server.log


def _command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_stopped_while_its_workers_start_leaves_none(
    postgres_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    with started(postgres_url, tmp_path, "--workers", "4") as server:
        until = time.monotonic() + SECONDS
        while not (workers := server.workers()) and time.monotonic() < until:
            time.sleep(0.001)
        server.process.send_signal(number)
        assert server.process.wait(SECONDS) in (0, -number)
    assert workers
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert "Traceback" not in server.log


@pytest.mark.slow
def test_workers_that_are_slow_are_not_killed(postgres_url: str, tmp_path: Path) -> None:
    """Four start while two neighbours are busy; then one does not answer for longer than uvicorn waits."""
    with started(postgres_url, tmp_path, "--workers", "4") as server:
        with busy_neighbours(2):
            server.wait_for(4)
        workers = server.workers()
        assert len(workers) == 4
        slow = min(workers)
        os.kill(slow, signal.SIGSTOP)
        try:
            # Twice the ping's rhythm for each worker on top, so that the pause surely spans a whole ping.
            time.sleep(UVICORN_PATIENCE_SECONDS + 4)
        finally:
            os.kill(slow, signal.SIGCONT)
        assert server.workers() == workers
        assert status_of(f"{server.base}/healthz") == 200
    assert server.process.returncode in (0, -signal.SIGTERM)
    assert server.started_workers == 4
    assert len(set(re.findall(r"Started server process \[(\d+)\]", server.log))) == 4
    assert "died" not in server.log
    assert "Traceback" not in server.log
