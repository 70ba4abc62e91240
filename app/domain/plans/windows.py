"""Local days of a participant's zone and the UTC instants between which they lie."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.domain.refusal import Refused

ONE_DAY = timedelta(days=1)
ONE_SECOND = timedelta(seconds=1)
_NO_ZONE = re.compile("localtime$|Factory$|posixrules$|posix/|right/")
"""Files beside the zones: this machine's setting, no zone, other names, zones with leap seconds."""


class Unit(StrEnum):
    """What an offset counts. Weeks stay weeks and months stay months."""

    days = "days"
    weeks = "weeks"
    months = "months"


@dataclass(frozen=True, slots=True)
class Window:
    """When a slot may be answered: whole local days, and the same as half-open UTC instants.

    `opens_at <= due_at <= overdue_at <= closes_at <= grace_until` always holds. `closes_on`
    is the last day that counts; only an anchor with a known instant can end it within that day. Only a diary
    whose plan says from which hour opens within the first.
    """

    opens_on: date
    target_on: date
    closes_on: date
    zone: str
    opens_at: datetime
    due_at: datetime
    overdue_at: datetime
    closes_at: datetime
    grace_until: datetime

    @property
    def days(self) -> int:
        """How many calendar days the window spans, both ends counted."""
        return (self.closes_on - self.opens_on).days + 1


@lru_cache(maxsize=256)
def load_zone(name: str) -> ZoneInfo:
    """The zone of this IANA name, such as `Asia/Shanghai`. Raises Refused("unknown_zone")."""
    try:
        if _NO_ZONE.match(name):
            raise ZoneInfoNotFoundError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise Refused("unknown_zone", zone=name, allowed="an IANA zone such as Asia/Shanghai") from unknown


@lru_cache(maxsize=65536)
def start_of_day(day: date, zone: str) -> datetime:
    """The first existing instant, in UTC, of this local day.

    Where midnight does not exist the day starts where the clock resumes; a day that does not
    exist at all (Apia, 30 December 2011) starts where the next one does, so it is empty.
    """
    midnight = datetime.combine(day, time(), load_zone(zone))
    first = midnight.astimezone(UTC)
    after_gap = midnight.replace(fold=1).astimezone(UTC)
    return first if after_gap >= first else _clock_resumes(day, zone, after_gap, first)


def _clock_resumes(day: date, zone: str, low: datetime, high: datetime) -> datetime:
    """Where, in (low, high], the local clock jumps over midnight to `day` or later."""
    while high - low > ONE_SECOND:
        middle = low + (high - low) // ONE_SECOND // 2 * ONE_SECOND
        low, high = (low, middle) if local_day(middle, zone) >= day else (middle, high)
    return high


def local_day(at: datetime, zone: str) -> date:
    """The local date of an aware instant. Raises ValueError for a naive one.

    A naive moment would be read in the server's zone, which must never matter.
    """
    if at.tzinfo is None:
        raise ValueError("a moment without a zone has no local day")
    return at.astimezone(load_zone(zone)).date()


@lru_cache(maxsize=65536)
def local_moment(day: date, clock: time, zone: str) -> datetime | None:
    """The UTC instant at which local clocks first show `clock` on `day`.

    None when that day does not exist in the zone. A time skipped by a clock change is read
    with the offset before the change, as much later as the clock jumped.
    """
    at = datetime.combine(day, clock.replace(fold=0), load_zone(zone)).astimezone(UTC)
    return at if local_day(at, zone) == day else None


def add_units(day: date, count: int, unit: Unit) -> date:
    """The date `count` units after `day`, counted once; the end of a shorter month clips."""
    if unit is Unit.months:
        year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
        return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    return day + count * (ONE_DAY * 7 if unit is Unit.weeks else ONE_DAY)


@lru_cache(maxsize=8192)  # the windows of one participant are those of many, and are made again and again
def build_window(
    opens_on: date,
    target_on: date,
    closes_on: date,
    zone: str,
    *,
    overdue_after: int,
    grace_hours: int,
    ends_at: datetime | None = None,
    opens_clock: time | None = None,
) -> Window:
    """The window of these local days, both ends whole.

    `overdue_after` counts days from the target day, `grace_hours` hours from closing. `ends_at`
    is an instant that ends the last day early, `opens_clock` the local time from which the first one counts.
    What would fall after closing is drawn back to it, what would fall before opening is drawn on to it,
    and a window that would close before it opens is empty at its opening.
    """
    opens_at = start_of_day(opens_on, zone)
    if opens_clock is not None:
        opens_at = local_moment(opens_on, opens_clock, zone) or opens_at
    closes_at = max(opens_at, start_of_day(closes_on + ONE_DAY, zone))
    if ends_at is not None:
        closes_at = max(opens_at, min(closes_at, ends_at.astimezone(UTC)))
    overdue_on = add_units(target_on, overdue_after, Unit.days)
    return Window(
        opens_on=opens_on,
        target_on=target_on,
        closes_on=closes_on,
        zone=zone,
        opens_at=opens_at,
        due_at=min(max(start_of_day(target_on, zone), opens_at), closes_at),
        overdue_at=min(max(start_of_day(overdue_on, zone), opens_at), closes_at),
        closes_at=closes_at,
        grace_until=closes_at + timedelta(hours=grace_hours),
    )
