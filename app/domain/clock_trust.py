"""Whether a clock can be trusted: the wall clock beside the boot clock and the newest audit entry (TIM-04).

The boot clock counts evenly since the machine started and nobody can set it, but it does not know the date.
The wall clock knows the date, and anybody can set it. An anchor is a reading of both at a moment when the
wall clock was trusted: what the boot clock has counted since then says what the wall clock should show.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCK_LIMIT = timedelta(minutes=5)
"""By how much the wall clock may differ from what it should show, in either direction."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Wall clock and boot clock at one moment; `boot` is the time since the machine started."""

    wall: datetime
    boot: timedelta

    def project_wall(self, boot: timedelta) -> datetime:
        """What an even wall clock shows when the boot clock shows `boot`."""
        return self.wall + (boot - self.boot)


def follows_anchor(anchor: ClockReading, reading: ClockReading) -> bool:
    """Whether the wall clock shows what the boot clock lets expect since the anchor."""
    return abs(reading.wall - anchor.project_wall(reading.boot)) <= CLOCK_LIMIT


def is_over(since: datetime, at: datetime, life: timedelta) -> bool:
    """Whether something that lives for `life` since a moment has ended at `at`, or began in the future.

    Only a clock that was wrong writes a future: what it wrote must not live until then.
    """
    return not -CLOCK_LIMIT <= at - since <= life


def is_behind_trail(reading: ClockReading, newest_entry_at: datetime | None) -> bool:
    """Whether the wall clock shows a time before the newest audit entry."""
    return newest_entry_at is not None and newest_entry_at - reading.wall > CLOCK_LIMIT


def choose_anchor(
    reading: ClockReading, newest_entry_at: datetime | None, confirmed: ClockReading | None, gap: timedelta
) -> ClockReading:
    """The anchor of a program that starts now: the reading itself if it can be trusted.

    It can where nothing was ever recorded, or where it is at most `gap` after the newest audit entry, and
    where an operator `confirmed` the wall clock since the machine started and it has kept pace. Otherwise
    time goes on from the newest entry.
    """
    if confirmed is not None and follows_anchor(confirmed, reading):
        return confirmed
    if newest_entry_at is None:
        return reading
    if is_behind_trail(reading, newest_entry_at) or reading.wall - newest_entry_at > gap:
        return ClockReading(newest_entry_at, reading.boot)
    return reading
