"""`daybook serve` as a program of its own, started and stopped by a test."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.cli.databases import prepare_database
from app.settings import Settings
from tests.meta.sources import ROOT

SECONDS = 600
"""Until a server is ready; only a broken one takes so long."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running `daybook serve` and the file of its log."""

    process: "subprocess.Popen[bytes]"
    base: str
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8")

    @property
    def started_workers(self) -> int:
        """How often a worker was ever ready, a worker in the place of another included."""
        return self.log.count("Application startup complete")

    def workers(self) -> set[int]:
        """The processes of the workers now."""
        parent = self.process.pid
        return set(map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()))

    def wait_for_fork(self) -> set[int]:
        """The first workers, as soon as there is one."""
        until = time.monotonic() + SECONDS
        while not (workers := self.workers()) and time.monotonic() < until:
            time.sleep(0.003)
        return workers

    def wait_for(self, workers: int) -> None:
        """Wait until it is ready and so many workers have started."""
        until = time.monotonic() + SECONDS
        while status_of(f"{self.base}/readyz") != 200 or self.started_workers < workers:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.05)


@contextmanager
def started(url: str, folder: Path, *options: str, **more: str) -> Iterator[Server]:
    """Migrate the database and start the server on a free port; stop it at the end.

    `more`: further variables of its environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, "DAYBOOK_DATABASE_URL": url, **more}
    prepare_database(Settings.from_environment(environ))
    log_file = folder / "server.log"
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), *options]
    with (
        log_file.open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log) as process,
    ):
        try:
            yield Server(process, f"http://127.0.0.1:{port}", log_file)
        finally:
            process.terminate()
            process.wait(SECONDS)


def status_of(url: str) -> int:
    """The status that an address answers with; 0 for no answer, or one that is a failure."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except OSError:
        return 0
