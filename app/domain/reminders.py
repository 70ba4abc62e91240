"""When a participant is reminded, and the next moment at which a slot owes anything."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from app.domain.plan import Plan, ReminderKind
from app.domain.schedule import PlannedSlot
from app.domain.status import Facts, Status
from app.domain.window import Window


@dataclass(frozen=True, slots=True)
class Reminder:
    """One message owed for a slot at an instant."""

    kind: ReminderKind
    at: datetime


def reminders(plan: Plan, slot: PlannedSlot) -> tuple[Reminder, ...]:
    """The reminders of a slot's window, at most three, in order of time."""
    raise NotImplementedError


def owed(
    planned: Collection[Reminder], sent: Collection[str], state: Status, now: datetime, not_before: datetime
) -> Reminder | None:
    """The one reminder to send now, if any."""
    raise NotImplementedError


def next_moment(
    window: Window | None,
    planned: Collection[Reminder],
    facts: Facts,
    emitted: Collection[str],
    now: datetime,
) -> datetime | None:
    """The next moment (may be past) at which the slot owes an event or reminder."""
    raise NotImplementedError
