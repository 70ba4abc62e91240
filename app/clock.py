"""The one place that reads the clocks."""

import platform
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.domain.clock_trust import ClockReading

_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux has one that counts while the machine sleeps too."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def now() -> datetime:
    return datetime.now(UTC)


def read_clocks() -> ClockReading:
    """Wall clock and boot clock at this moment."""
    return ClockReading(now(), timedelta(seconds=time.clock_gettime(_BOOT_CLOCK)))


def read_boot_id() -> str:
    """The name of this start of this machine: readings of its boot clock can be compared under one name."""
    return _BOOT_ID.read_text("ascii").strip() if _BOOT_ID.exists() else platform.node()
