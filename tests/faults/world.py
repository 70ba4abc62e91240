"""One world for many interleavings: a server that can be killed, a clock that only goes forward."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

from app.clock import now
from app.installation import open_installation
from app.services.core.installation import Installation
from app.settings import Settings
from app.storage.migrations import migrate_database
from app.storage.tables.studies import Site
from tests.applications import CHEAP
from tests.compiled_templates import shipped_pages
from tests.faults import server
from tests.faults.study import set_up_studies, write_definitions
from tests.forks import Fork, fork
from tests.servers import free_port

_PATIENCE_SECONDS = 300.0
"""Only against hanging."""


@dataclass(frozen=True)
class Parent:
    """The process that makes servers, and how it is told to and tells which."""

    process: Fork
    orders: TextIO
    answers: TextIO

    def start(self) -> int:
        """Make a server; its process."""
        print("start", file=self.orders, flush=True)
        return int(self.answers.readline())


@dataclass
class World:
    """The served program and what the test needs to judge it from outside."""

    url: str
    port: int
    installation: Installation
    sites: Mapping[str, Site]
    folder: Path
    parent: "Parent"
    serving: int | None = None
    ahead: float = 0.0
    people: int = 0

    @property
    def at(self) -> datetime:
        """What the server's clock shows."""
        return now() + timedelta(seconds=self.ahead)

    def forward(self, **spans: float) -> None:
        self.ahead += timedelta(**spans).total_seconds()
        fresh = self.folder / "ahead.new"
        fresh.write_text(str(self.ahead), "utf-8")
        fresh.replace(self.folder / "ahead")  # never half written for a reader

    def start(self) -> None:
        """Start the server on its port, unless it runs."""
        if self.serving is None:
            self.serving = self.parent.start()
            _wait_until(lambda: _answers(self.port))

    def kill(self) -> None:
        """`kill -9`: nothing of the server gets a chance to end well."""
        if self.serving is not None:
            os.kill(self.serving, signal.SIGKILL)
            _wait_until(lambda: not Path(f"/proc/{self.serving}").exists())
            self.serving = None

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8")


@contextmanager
def world(url: str, folder: Path, migration_url: str = "") -> Iterator[World]:
    """A running server on this empty database, migrated or not; a PostgreSQL's owner migrates it."""
    migrate_database(migration_url or url)
    root, port = write_definitions(folder), free_port()
    settings = {"DAYBOOK_DATABASE_URL": url, "DAYBOOK_QUESTIONNAIRES": str(root)}
    public = f"http://127.0.0.1:{port}"
    installation = open_installation(
        Settings.from_environment({**settings, "DAYBOOK_PUBLIC_URL": public}), CHEAP
    )
    words = (url, str(port), str(folder / "ahead"), str(root))
    with (folder / "log").open("wb") as log, _parent(words, log.fileno()) as parent:
        running_world = World(public, port, installation, set_up_studies(installation, now()), folder, parent)
        running_world.forward(seconds=0)
        running_world.start()
        try:
            yield running_world
        finally:
            running_world.kill()
            installation.engine.dispose()


@contextmanager
def _parent(words: tuple[str, str, str, str], log: int) -> Iterator[Parent]:
    """A fork of this process, which has imported and read everything; it ends with its orders."""
    commands, orders = os.pipe()
    answers, reports = os.pipe()

    def listen() -> None:
        os.dup2(commands, 0)
        os.close(orders)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for good

    shipped_pages()
    process = fork(["-m", server.__name__, *words], os.environ, reports, log, listen)
    os.close(commands)
    os.close(reports)
    with os.fdopen(answers) as heard:
        with os.fdopen(orders, "w") as ordering:
            yield Parent(process, ordering, heard)
        process.wait(_PATIENCE_SECONDS)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


def _wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"nothing happened in {_PATIENCE_SECONDS:.0f} seconds")
        time.sleep(0.002)
