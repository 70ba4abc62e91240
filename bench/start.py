"""Measures starting: CPU of `--help`, `health` and a server until ready, beside importing their libraries."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from bench.machine import children_of, cpu_of
from bench.programs import run_program
from bench.run import Run
from bench.serving import Process, start_process
from bench.trial import migrated
from tests import postgres

RUNS = 7
WORKERS = 4
BARE = "import argparse"
FRAMEWORKS = "import fastapi, sqlmodel, jinja2, babel, apscheduler, uvicorn"
LIBRARIES = (
    f"{FRAMEWORKS}\nimport psycopg, sqlalchemy.dialects.postgresql, structlog, cryptography.fernet"
    "\nimport argon2, pyotp, segno, orjson, brotli, python_multipart, babel.messages.pofile, webauthn"
    "\nimport apscheduler.schedulers.background, uvloop, httptools"
)
"""What pyproject.toml fixes and a serving process uses; not Alembic, which only migrating needs."""
_READY = b"Application startup complete"
_PATIENCE_SECONDS = 300.0


def start(run: Run) -> Iterator[Figure]:
    """Measure programs that run in turn, because clock rates wander; byte code is compiled beforehand."""
    name = run.cluster.create(migrated(run.cluster))
    try:
        with tempfile.TemporaryDirectory() as folder:
            # A tiny run uses the byte code that stands beside the modules, and starts nothing to make it.
            environ = _environment(run.cluster.url(name, postgres.APP), None if run.scale.tiny else folder)
            programs = Programs(environ, run.bare.port, forked=run.scale.tiny)
            if not run.scale.tiny:
                _make_byte_code(programs)
            runs, workers = (1, 2) if run.scale.tiny else (RUNS, WORKERS)
            yield from _commands(programs, runs)
            yield from _servers(programs, runs, workers)
    finally:
        run.cluster.drop(name)


@dataclass(frozen=True, slots=True)
class Programs:
    """Runs Python with this environment and tells the seconds of CPU.

    `forked`: what imports much is run in forks of this process, where the figures mean nothing.
    """

    environ: Mapping[str, str]
    hello_port: int
    forked: bool = False

    def code(self, statements: str) -> float:
        return run_program(["-c", statements], self.environ, forked=self.forked).seconds

    def help(self) -> float:
        return run_program(["-m", "app", "--help"], self.environ).seconds

    def health(self) -> float:
        """Asks the bare application, whose answer costs this process nothing."""
        words = ["-m", "app", "health", "--url", f"http://127.0.0.1:{self.hello_port}/"]
        return run_program(words, self.environ).seconds

    def serve(self, workers: int) -> float:
        """Until every worker is ready; the processes that watch over them count too."""
        words = ["-m", "app", "serve", "--port", "0", "--workers", str(workers)]
        with tempfile.NamedTemporaryFile() as log:
            process = start_process(words, self.environ, log.fileno(), forked=self.forked)
            try:
                _wait_until_ready(process, Path(log.name), workers)
                return cpu_of((process.pid, *children_of(process.pid)))
            finally:
                process.terminate()
                process.wait(_PATIENCE_SECONDS)


def _environment(url: str, folder: str | None) -> dict[str, str]:
    """The program's own database, and a folder where every process finds the byte code of all modules."""
    left_out = ("DAYBOOK_", "PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS")
    own = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    place = {"PYTHONPYCACHEPREFIX": folder} if folder else {}
    return {**own, "DAYBOOK_DATABASE_URL": url, **place}


def _make_byte_code(programs: Programs) -> None:
    programs.help()
    programs.health()
    programs.code(LIBRARIES)
    programs.serve(1)


def _wait_until_ready(process: Process, log: Path, workers: int) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while log.read_bytes().count(_READY) < workers:
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the server did not start: {log.read_text('utf-8')}")
        time.sleep(0.05)


def _commands(programs: Programs, runs: int) -> Iterator[Figure]:
    taken = [(programs.code(BARE), programs.help(), programs.health()) for _ in range(runs)]
    bare, shown, health = _medians(taken)
    yield _ratio_figure("daybook --help, CPU; limit: a bare import of argparse", shown, bare, 2)
    yield _ratio_figure("daybook health, CPU; limit: the same", health, bare)


def _servers(programs: Programs, runs: int, workers: int) -> Iterator[Figure]:
    taken = [
        (programs.code(FRAMEWORKS), programs.code(LIBRARIES), programs.serve(1), programs.serve(workers))
        for _ in range(runs)
    ]
    frameworks, libraries, one, several = _medians(taken)
    yield _ratio_figure("serve until ready, CPU; limit: import all its libraries", one, libraries, 1.3)
    yield _ratio_figure("... limit: import the six frameworks alone", one, frameworks)
    yield _ratio_figure(
        f"... {workers} workers, CPU of each; limit: all libraries", several / workers, libraries, 1.3
    )


def _medians(taken: Sequence[Sequence[float]]) -> Iterator[float]:
    return map(statistics.median, zip(*taken, strict=True))


def _ratio_figure(name: str, ours: float, limit: float, most: float | None = None) -> Figure:
    """CPU as a multiple of the imports' CPU; a row without `most` has no target."""
    times = ours / limit
    target, met = ("", None) if most is None else (f"<= {most:g} x", times <= most)
    return Figure(name, f"{ours:.3f} s", f"{limit:.3f} s", f"{times:.2f} x", target, met)
