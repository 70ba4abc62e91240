"""The soak: `python -m tests.faults --count 200 [--postgres]`, or one case again: `--seed 1234`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from tests import postgres
from tests.faults.acts import run_case
from tests.faults.cases import draw_case
from tests.faults.interleaving import Interleaving, ignore_line
from tests.faults.world import World, world
from tests.servers import launch_chromium

WORLD_LASTS = 25
"""Interleavings before a fresh database: the trail is verified after each."""


def main(words: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(words)
    seeds = (
        [options.seed] if options.seed is not None else range(options.first, options.first + options.count)
    )
    began, bad = time.monotonic(), []
    with launch_chromium() as browser:
        for first in range(0, len(seeds), WORLD_LASTS):
            with _fresh_world(on_postgres=options.postgres) as served:
                share = seeds[first : first + WORLD_LASTS]
                bad += [seed for seed in share if not _holds(served, browser, seed, aloud=len(seeds) == 1)]
    database = "PostgreSQL" if options.postgres else "SQLite"
    spent = time.monotonic() - began
    print(f"{len(seeds)} interleavings on {database}, {len(bad)} with a fault, in {spent:.0f} s")
    for seed in bad:
        print(f"again: python -m tests.faults --seed {seed}{' --postgres' if options.postgres else ''}")
    return 1 if bad else 0


def report(seed: int, interleaving: Interleaving) -> str:
    """Everything that somebody needs to see this again."""
    return "\n".join(
        [f"seed {seed}", *interleaving.log, *(f"FAULT {fault}" for fault in interleaving.faults)]
    )


def _holds(served: World, browser: Browser, seed: int, *, aloud: bool) -> bool:
    began = time.monotonic()
    interleaving = run_case(served, browser, draw_case(seed), print if aloud else ignore_line)
    if interleaving.faults:
        print(report(seed, interleaving), flush=True)
    else:
        print(f"seed {seed} holds ({time.monotonic() - began:.1f} s)", flush=True)
    return not interleaving.faults


@contextmanager
def _fresh_world(*, on_postgres: bool) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        if not on_postgres:
            with world(f"sqlite:///{folder}/daybook.sqlite3", Path(folder)) as served:
                yield served
            return
        cluster = postgres.start(fsync=True)
        try:
            name = cluster.create()
            with world(cluster.url(name, postgres.APP), Path(folder), cluster.url(name)) as served:
                yield served
        finally:
            cluster.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, help="only this one, with its log as it goes")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--count", type=int, default=200, help="how many seeds (default 200)")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own, fsync on")
    return parser


if __name__ == "__main__":
    sys.exit(main())
