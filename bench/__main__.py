"""`python -m bench`: start a PostgreSQL, measure every figure in one run, print each row when it is known."""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

import psycopg
from playwright.sync_api import Error as BrowserError
from sqlalchemy.exc import SQLAlchemyError

from app.domain.refusal import Refused
from bench import (
    capture,
    clockwork,
    datasets,
    demo,
    desk,
    feed,
    phone,
    pulling,
    scoring,
    sqlite,
    start,
    verifying,
)
from bench.figures import Figure, cores, headline, row
from bench.machine import OtherProcesses
from bench.run import Pass, Run, Scale
from bench.serving import hello
from tests import postgres

PASSES: dict[str, Pass] = {
    "form": capture.form,
    "save": capture.save,
    "submit": capture.submit,
    "sqlite": sqlite.sqlite,
    "desk": desk.desk,
    "feed": feed.feed,
    "pull": pulling.pull,
    "clock": clockwork.clockwork,
    "verify": verifying.verify,
    "scoring": scoring.scoring,
    "datasets": datasets.datasets,
    "start": start.start,
    "demo": demo.demo,
    "phone": phone.phone,
}
QUIET_CORES = 0.2
_SERVER = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}
_FAILURES = (
    RuntimeError,
    ValueError,
    LookupError,
    OSError,
    subprocess.SubprocessError,
    psycopg.Error,
    SQLAlchemyError,
    BrowserError,
    Refused,
    postgres.Unavailable,
)
"""Errors that end a pass; the other passes are run all the same."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen passes, or all; return 1 when any of them failed."""
    arguments = _parser().parse_args(argv)
    chosen = arguments.only.split(",") if arguments.only else list(PASSES)
    if unknown := [name for name in chosen if name not in PASSES]:
        print(f"unknown pass: {', '.join(unknown)}; known: {', '.join(PASSES)}", file=sys.stderr)
        return 2
    scale = Scale(0.002 if arguments.tiny else arguments.scale)
    began = time.monotonic()
    cluster = postgres.start(fsync=not scale.tiny, settings=_SERVER)
    try:
        with hello(scale.workers, forked=scale.tiny) as bare, ExitStack() as until_end:
            failed = measure_passes(
                Run(cluster, scale, bare, until_end), {name: PASSES[name] for name in chosen}
            )
    finally:
        cluster.stop()
    print(f"\nscale {scale.share:g}; {cores()} cores; {time.monotonic() - began:.0f} s")
    if failed:
        print(f"failed passes: {', '.join(failed)}")
    return 1 if failed else 0


def measure_passes(run: Run, passes: dict[str, Pass]) -> list[str]:
    """Print every figure of these passes as soon as it is known; return the passes that failed."""
    print(headline(), flush=True)
    _print(Figure("H: a bare coroutine says hello, CPU", f"{run.hello() * 1000:.3f} ms"))
    failed: list[str] = []
    for name, measure in passes.items():
        others, began = OtherProcesses(), time.monotonic()
        try:
            for figure in measure(run):
                _print(figure)
        except _FAILURES as reason:
            print(f"{name}: FAILED: {type(reason).__name__}: {reason}", flush=True)
            failed.append(name)
        busy = others.cores()
        again = "; take it again" if busy > QUIET_CORES else ""
        took = time.monotonic() - began
        print(
            f"{name}: {took:.0f} s, other processes used {busy:.1f} cores{again}", file=sys.stderr, flush=True
        )
    return failed


def _print(figure: Figure) -> None:
    print(row(figure), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", help=f"some passes, by comma: {', '.join(PASSES)}")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size, e.g. 0.1")
    parser.add_argument("--tiny", action="store_true", help="hardly any rows: does everything still run?")
    return parser


if __name__ == "__main__":
    sys.exit(main())
