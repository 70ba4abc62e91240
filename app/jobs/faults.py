"""Fault handling of the background clock: faults are logged, and it goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app.services.core.clock_watch import ClockUntrusted


@contextmanager
def trusted_clock() -> Iterator[None]:
    """Leave what takes a trusted clock undone while it is not, and log that."""
    try:
        yield
    except ClockUntrusted:
        structlog.get_logger("clock").warning("clock_untrusted")


@contextmanager
def logged_faults(part: str, **details: int) -> Iterator[None]:
    """The one place that catches everything: it logs the kind of fault and where, never its words."""
    try:
        yield
    except ClockUntrusted:
        raise
    except Exception:  # noqa: BLE001 - one bad row must not stop the rest; nothing else may catch so much
        structlog.get_logger("clock").exception("tick", part=part, **details)
