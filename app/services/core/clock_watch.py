"""The watched clock: what time it is, and whether that is trusted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.clock_trust import ClockReading, choose_anchor, follows_anchor

DEFAULT_GAP = timedelta(days=7)
"""How long after the newest audit entry a start is still believed."""


class ClockUntrusted(Exception):
    """The clock is not trusted, so that nothing may happen by time alone."""


@dataclass(slots=True)
class ClockWatch:
    """Compares wall clock and boot clock at each reading, and goes on evenly when they part.

    While the wall clock is not trusted, time continues from the anchor at the pace of the boot clock: so no
    moment of a wrong future or past reaches a row, and nothing has to be undone. Without `read` nobody
    watches, and every moment that is passed in is trusted: a single command, or a test with its own clock.
    """

    read: Callable[[], ClockReading] | None = None
    boot_id: str = ""
    gap: timedelta = DEFAULT_GAP
    _anchor: ClockReading | None = field(default=None, init=False)
    _parted: bool = field(default=False, init=False)

    def __call__(self) -> datetime:
        """The moment to act at: what the wall clock shows, or what it should show while it is not trusted.

        Raises LookupError where nobody watches.
        """
        reading, anchor = self._read(), self._anchor
        self._parted = anchor is not None and not follows_anchor(anchor, reading)
        return anchor.project_wall(reading.boot) if anchor is not None and self._parted else reading.wall

    @property
    def untrusted(self) -> bool:
        """Whether the last reading was not trusted, or the clock was not compared with the trail yet."""
        return self.read is not None and (self._anchor is None or self._parted)

    def set_anchor(self, newest_entry_at: datetime | None, confirmed: ClockReading | None) -> None:
        """Judge the clock by the trail at the start, and later by what an operator `confirmed` alone."""
        reading = self._read()
        if self._anchor is None:
            self._anchor = choose_anchor(reading, newest_entry_at, confirmed, self.gap)
        elif confirmed is not None and follows_anchor(confirmed, reading):
            self._anchor = confirmed
        self()

    def _read(self) -> ClockReading:
        if self.read is None:
            raise LookupError("this clock is not watched")
        return self.read()
