"""`python -m bench`: starts a real PostgreSQL, takes every figure in one run, prints the table."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

from bench import capture, clockwork, desk, feed, phone, scoring, start
from bench.figures import Figure, table
from bench.machine import Strangers
from bench.run import Pass, Run, Scale
from bench.serving import hello
from tests import postgres

PASSES: dict[str, Pass] = {
    "form": capture.form,
    "save": capture.save,
    "submit": capture.submit,
    "desk": desk.desk,
    "feed": feed.feed,
    "clock": clockwork.clockwork,
    "scoring": scoring.scoring,
    "start": start.start,
    "phone": phone.phone,
}
QUIET_CORES = 0.2
_SERVER = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}


def main(words: Sequence[str] | None = None) -> int:
    told = _parser().parse_args(words)
    chosen = told.only.split(",") if told.only else list(PASSES)
    if unknown := [name for name in chosen if name not in PASSES]:
        print(f"unknown pass: {', '.join(unknown)}; known: {', '.join(PASSES)}", file=sys.stderr)
        return 2
    scale = Scale(0.002 if told.tiny else told.scale)
    began = time.monotonic()
    cluster = postgres.start(fsync=not told.tiny, settings=_SERVER)
    try:
        with hello() as bare:
            figures = list(_measured(Run(cluster, scale, bare), chosen))
    finally:
        cluster.stop()
    print(table(figures))
    print(f"\nscale {scale.share:g}; {time.monotonic() - began:.0f} s")
    return 0


def _measured(run: Run, chosen: Sequence[str]) -> Iterator[Figure]:
    yield Figure("H: a bare coroutine says hello, CPU", f"{run.hello() * 1000:.3f} ms")
    for name in chosen:
        strangers, began = Strangers(), time.monotonic()
        yield from PASSES[name](run)
        busy = strangers.cores()
        again = "; take it again" if busy > QUIET_CORES else ""
        took = time.monotonic() - began
        print(f"{name}: {took:.0f} s, strangers used {busy:.1f} cores{again}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", help=f"some passes, by comma: {', '.join(PASSES)}")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size, e.g. 0.1")
    parser.add_argument("--tiny", action="store_true", help="hardly any rows: does everything still run?")
    return parser


if __name__ == "__main__":
    sys.exit(main())
