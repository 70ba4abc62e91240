"""Starts and stops servers in processes of their own."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import Memory, children_of, cpu_of, memory_of
from tests.forks import Fork, fork
from tests.servers import free_port

WORKERS = 2
_ROOT = Path(__file__).parents[1]
_PATIENCE_SECONDS = 60.0
Process = Fork | subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A running server."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of CPU used by every process of the server, the one that watches included."""
        return cpu_of((self.pid, *children_of(self.pid)))

    def memory(self) -> Memory:
        """Of the largest worker; where there is only one, it is the process itself."""
        processes = children_of(self.pid) or (self.pid,)
        return max((memory_of(pid) for pid in processes), key=lambda each: each.pss)


@contextmanager
def hello(workers: int = WORKERS, *, forked: bool = False) -> Iterator[RunningServer]:
    """Serve the bare application with the same options as Daybook."""
    port = free_port()
    options = ["--workers", str(workers), "--port", str(port), "--no-access-log", "--no-server-header"]
    options += ["--log-level", "warning", "--ws", "none"]
    words = ["-m", "uvicorn", *options, "bench.hello:app"]
    with _running(words, _environment({}), port, workers, forked) as server:
        yield server


@contextmanager
def daybook(
    url: str,
    scheme: str = "https",
    workers: int = WORKERS,
    settings: Mapping[str, str] | None = None,
    *,
    forked: bool = False,
) -> Iterator[RunningServer]:
    """Serve Daybook on this database by `daybook serve`; `forked`: in a fork of this process.

    As behind a proxy with https, so that cookies carry the prefix that a trial has; a real browser
    keeps such cookies on https only and is served "http".

    A fork begins with what this process has imported: more than half the CPU of a start, and no part of
    any figure but those of `start`.
    """
    port = free_port()
    words = ["-m", "app", "serve", "--workers", str(workers), "--port", str(port)]
    environ = {"DAYBOOK_DATABASE_URL": url, "DAYBOOK_PUBLIC_URL": f"{scheme}://127.0.0.1:{port}"}
    with _running(words, _environment(environ | dict(settings or {})), port, workers, forked) as server:
        yield server


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DAYBOOK_")} | dict(own)


def start_process(words: Sequence[str], environ: Mapping[str, str], log: int, *, forked: bool) -> Process:
    """Start `python` with these arguments, which writes into a file; `forked`: in a fork of this process."""
    if not forked:
        return subprocess.Popen([sys.executable, *words], cwd=_ROOT, env=environ, stdout=log, stderr=log)
    return fork(words, environ, log, log)


@contextmanager
def _running(
    words: Sequence[str], environ: Mapping[str, str], port: int, workers: int, forked: bool
) -> Iterator[RunningServer]:
    # The log goes to a file: a pipe that nobody reads would stop the server.
    with tempfile.TemporaryFile() as log:
        process = start_process(words, environ, log.fileno(), forked=forked)
        try:
            if not _wait_until_ready(process, port, workers if workers > 1 else 0):
                log.seek(0)
                raise RuntimeError(f"the server did not start: {log.read().decode()}")
            yield RunningServer(port, process.pid)
        finally:
            process.terminate()
            process.wait(_PATIENCE_SECONDS)


def _wait_until_ready(process: Process, port: int, children: int) -> bool:
    until = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if len(children_of(process.pid)) >= children and _answers(port):
            return True
        time.sleep(0.02)
    return False


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as asked:
            asked.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return asked.recv(16).startswith(b"HTTP/1.1")
    except OSError:
        return False
