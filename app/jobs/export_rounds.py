"""Rounds in which requested exports are made, one at a time in each process, and old ones removed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from app.jobs.faults import logged_faults, trusted_clock
from app.jobs.rounds import Clock
from app.services.core.context import ClockContext
from app.services.core.installation import Installation
from app.services.datasets.export_work import (
    ClaimedExport,
    ClaimLost,
    claim_export,
    end_export,
    make_export,
    release_export,
    remove_old_exports,
    renew_claim,
)

EXPORT_EVERY = timedelta(seconds=3)
"""Somebody may be looking at the page: a small export is there when they look again."""
RENEWED_EVERY = timedelta(seconds=2)
TURN = 0.0005
"""Seconds after which a thread that computes gives way to one that waits: a tenth of what Python takes."""


class _Stopped(Exception):
    """The server stops: the export waits for the next one."""


def make_exports(installation: Installation, clock: Clock, is_stopping: Callable[[], bool]) -> None:
    """Remove what was kept long enough, then make everything that waits, while the clock is trusted."""
    with trusted_clock():
        with logged_faults("exports"):
            remove_old_exports(ClockContext(installation, clock()))
        while not is_stopping() and _make_next(installation, clock, is_stopping):
            pass


def _make_next(installation: Installation, clock: Clock, is_stopping: Callable[[], bool]) -> bool:
    """Make one export; whether there was one."""
    claimed: ClaimedExport | None = None
    with logged_faults("claim export"):
        claimed = claim_export(ClockContext(installation, clock()))
    if claimed is None:
        return False
    with logged_faults("export", export=claimed.key):
        _make(installation, clock, claimed, is_stopping)
    return True


@contextmanager
def _short_turns() -> Iterator[None]:
    """Shorten the interpreter's switch interval: a page waits for it after each answer of the database."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _make(
    installation: Installation, clock: Clock, claimed: ClaimedExport, is_stopping: Callable[[], bool]
) -> None:
    renewed_at = clock()

    def watch(done: int, total: int) -> None:
        nonlocal renewed_at
        if is_stopping():
            raise _Stopped
        at = clock()
        if abs(at - renewed_at) >= RENEWED_EVERY or done == total:
            renew_claim(ClockContext(installation, at), claimed, done, total)
            renewed_at = at

    log = structlog.get_logger("clock")
    try:
        with _short_turns():
            result = make_export(ClockContext(installation, clock()), claimed, watch)
        end_export(ClockContext(installation, clock()), claimed, result)
        if result.fault:
            log.warning("export_failed", export=claimed.key, fault=result.fault)
    except _Stopped:
        release_export(ClockContext(installation, clock()), claimed)
    except ClaimLost:
        log.warning("export_lost", export=claimed.key)
