"""`daybook serve` as a process of its own, started and stopped by a test."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.cli.databases import prepare_database
from app.settings import Settings
from tests.forks import Fork, fork
from tests.meta.sources import ROOT
from tests.servers import free_port

SECONDS = 600
"""Until a server is ready; only a broken one takes so long."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running `daybook serve` and the file of its log."""

    process: "Fork | subprocess.Popen[bytes]"
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

    def wait_for_forks(self, count: int) -> set[int]:
        """The first workers, as soon as there are so many: they have hardly begun to start."""
        until = time.monotonic() + SECONDS
        while len(workers := self.workers()) < count and time.monotonic() < until:
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
def start_server(
    url: str, folder: Path, *options: str, program: bool = False, **more: str
) -> Iterator[Server]:
    """Migrate the database and start the server on a free port; stop it at the end.

    `program`: by a new interpreter, not in a fork of this process. `more`: further variables of its
    environment.
    """
    port = free_port()
    environ = {**os.environ, "DAYBOOK_DATABASE_URL": url, **more}
    prepare_database(Settings.from_environment(environ))
    log_file = folder / "server.log"
    words = ["-m", "app", "serve", "--port", str(port), *options]
    with log_file.open("wb") as log:
        if program:
            command = [sys.executable, *words]
            process: Fork | subprocess.Popen[bytes] = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=log, stderr=log
            )
        else:
            process = fork(words, environ, log.fileno(), log.fileno())
        try:
            yield Server(process, f"http://127.0.0.1:{port}", log_file)
        finally:
            process.terminate()
            process.wait(SECONDS)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def run_at_once(
    count: int, url: str, folder: Path, *words: str, prepare: Callable[[], object] | None = None
) -> list[Ended]:
    """One command in so many processes that begin together, each in a fork of this one."""
    environ = {**os.environ, "DAYBOOK_DATABASE_URL": url}
    places = [(folder / f"told-{number}.out", folder / f"told-{number}.err") for number in range(count)]
    processes = []
    for outcome in places:
        with outcome[0].open("wb") as out, outcome[1].open("wb") as err:
            processes.append(fork(["-m", "app", *words], environ, out.fileno(), err.fileno(), prepare))
    codes = [each.wait(SECONDS) for each in processes]
    return [
        Ended(code, out.read_text("utf-8"), err.read_text("utf-8"))
        for code, (out, err) in zip(codes, places, strict=True)
    ]


def status_of(url: str) -> int:
    """The status that an address answers with; 0 for no answer, or one that is a failure."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except OSError:
        return 0
