"""When a participant is reminded, and the next moment at which a slot owes anything."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from app.domain.plans.plan import Plan, ReminderKind
from app.domain.plans.schedule import PlannedSlot
from app.domain.plans.status import ANSWERABLE, SlotFacts, Status, derive_status, missed_from
from app.domain.plans.windows import ONE_DAY, Window, local_moment

STALE_AFTER = timedelta(hours=24)
"""A reminder that could not be sent for so long is dropped."""
ALWAYS = datetime.min.replace(tzinfo=UTC)
OPENED, MISSED = "opened", "missed"
"""The feed's events that fall due by time alone."""
SETTLED = frozenset({Status.submitted, Status.not_expected, Status.excused, Status.waiting})
"""The states in which time alone changes nothing any more."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """One message owed for a slot at an instant."""

    kind: ReminderKind
    at: datetime


@dataclass(frozen=True, slots=True)
class ReminderPreference:
    """What somebody wants of reminders: none of a moment before `not_before`, all at the hour `clock`.

    Without an hour of their own (None) reminders come at those of the plan.
    """

    not_before: datetime = ALWAYS
    clock: time | None = None


def plan_reminders(plan: Plan, slot: PlannedSlot, clock: time | None = None) -> tuple[Reminder, ...]:
    """The reminders of a slot's window, in order of time, at most one a day.

    A diary has one in the evening of its day; any other slot those of the plan, at most three.
    None is owed outside the window or on a day that does not exist in the zone. `clock` is the hour
    that the participant chose; it stands in place of both hours of the plan.
    """
    if slot.window is None:
        return ()
    moments = {} if slot.for_day is None else {slot.for_day: ReminderKind.entry}
    usual = plan.reminders.diary_at
    if slot.for_day is None:
        moments, usual = _days(slot.window, plan.reminders.moments), plan.reminders.at
    hour, zone = clock or usual, slot.window.zone
    planned = ((kind, local_moment(day, hour, zone)) for day, kind in sorted(moments.items()))
    window = slot.window
    return tuple(
        Reminder(kind, at)
        for kind, at in planned
        if at is not None and window.opens_at <= at < window.closes_at
    )


def _days(window: Window, kinds: Collection[ReminderKind]) -> dict[date, ReminderKind]:
    """The day of each wanted kind; where two fall on one day the earlier kind keeps it."""
    span = window.closes_on - window.opens_on
    days = {
        ReminderKind.last_day: window.closes_on - ONE_DAY,
        ReminderKind.middle: window.opens_on + span // 2,
        ReminderKind.opening: window.opens_on,
    }
    return {day: kind for kind, day in days.items() if kind in kinds and day >= window.opens_on}


def find_due_reminder(
    planned: Collection[Reminder], sent: Collection[str], state: Status, now: datetime, not_before: datetime
) -> Reminder | None:
    """The one reminder to send now, None when there is none.

    `sent` holds the kinds already sent for the slot. Only the latest reminder whose moment has come
    counts, so none follows another in a burst; one older than a day, or of a moment before
    `not_before` (enrolment, activation, the end of a pause), is dropped.
    """
    if state not in ANSWERABLE:
        return None
    come = [each for each in planned if each.at <= now]
    if not come:
        return None
    latest = max(come, key=lambda each: each.at)
    fresh = now - latest.at < STALE_AFTER and latest.at >= not_before
    return latest if fresh and latest.kind not in sent else None


def next_due_moment(
    window: Window | None,
    planned: Collection[Reminder],
    facts: SlotFacts,
    emitted: Collection[str],
    now: datetime,
    not_before: datetime = ALWAYS,
) -> datetime | None:
    """The next moment at which the slot owes an event or a reminder, None when it owes no more.

    A moment at or before `now` is owed already. `emitted` holds what was done for this version of
    the window: `OPENED`, `MISSED` and kinds of reminder. An event stays owed until it is emitted;
    a slot that is over owes only that it was missed.
    """
    state = derive_status(window, facts, now)
    if window is None or state in SETTLED:
        return None
    end = missed_from(window, facts)
    owing = [] if MISSED in emitted else [end]
    if state is not Status.missed:
        due_now = find_due_reminder(planned, emitted, state, now, not_before)
        ahead = (each for each in planned if each.kind not in emitted and each.at >= not_before)
        owing += [] if OPENED in emitted else [window.opens_at]
        owing += [each.at for each in ahead if now < each.at < end or each is due_now]
    return min(owing, default=None)
