"""When a participant is reminded, and the next moment at which a slot owes anything."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from app.domain.plans.plan import Plan, ReminderKind
from app.domain.plans.publication import FeedState
from app.domain.plans.schedule import PlannedSlot
from app.domain.plans.status import ANSWERABLE, SlotFacts, Status, answerable_until, derive_status
from app.domain.plans.windows import ONE_DAY, Window, load_zone, local_day, local_moment

STALE_AFTER = timedelta(hours=24)
"""A reminder that could not be sent for so long is dropped."""
ALWAYS = datetime.min.replace(tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
REPEATED_AFTER = timedelta(days=7)
"""How much later a moved window must open for a reminder of it to be sent a second time."""
MOST_OF_A_KIND = 2
"""However often a window moves, no form is reminded of more often by one rule."""
STAFF_HOURS = (time(8), time(21))
"""Between which local times staff may send reminders, the last one included."""
BY_STAFF = "staff:"
LIMIT_OF_PLAN = 2
"""No form gets more than so many times the reminders of its plan, those that staff send included."""
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
    that the participant chose; it stands in place of both hours of the plan. An hour before a day opens
    moves to its opening.
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
        Reminder(kind, max(at, window.opens_at))
        for kind, at in planned
        if at is not None and max(at, window.opens_at) < window.closes_at
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


@dataclass(frozen=True, slots=True)
class QueuedReminder:
    """A message that was queued for a form: by which rule, and when."""

    kind: str
    at: datetime


def kinds_used_up(messages: Collection[QueuedReminder], window: Window | None) -> frozenset[str]:
    """The kinds of which this form gets no message any more.

    A reminder belongs to a form, not to a version of its window: one of each kind, and one more only if
    the window was moved so that it opens more than seven days after the first was queued.
    """
    used = set()
    for kind in {message.kind for message in messages}:
        moments = [message.at for message in messages if message.kind == kind]
        moved = window is not None and window.opens_at > max(moments) + REPEATED_AFTER
        if len(moments) >= MOST_OF_A_KIND or not moved:
            used.add(kind)
    return frozenset(used)


def find_due_reminder(
    planned: Collection[Reminder],
    used_up: Collection[str],
    state: Status,
    now: datetime,
    not_before: datetime,
) -> Reminder | None:
    """The one reminder to send now, None when there is none.

    `used_up` holds the kinds already sent for the slot. Only the latest reminder whose moment has come
    counts, so none follows another in a burst; one older than a day, or of a moment before
    `not_before` (enrolment, activation, the end of a pause), is dropped.
    """
    if state not in ANSWERABLE:
        return None
    come = [reminder for reminder in planned if reminder.at <= now]
    if not come:
        return None
    latest = max(come, key=lambda reminder: reminder.at)
    fresh = now - latest.at < STALE_AFTER and latest.at >= not_before
    return latest if fresh and latest.kind not in used_up else None


def next_due_moment(
    window: Window | None,
    planned: Collection[Reminder],
    facts: SlotFacts,
    published: FeedState | None,
    used_up: Collection[str],
    now: datetime,
    not_before: datetime = ALWAYS,
) -> datetime | None:
    """The next moment at which the slot owes an event or a reminder, None when it owes no more.

    A moment at or before `now` is owed already. `published` is what the feed said last, `used_up` the kinds
    of reminder that are used up. An event stays owed until it is told; a slot that is over owes only that it
    was missed.
    """
    state = derive_status(window, facts, now)
    if window is None or state in SETTLED:
        return None
    end = answerable_until(window, facts)
    owing = [] if published is FeedState.missed else [end]
    if state is not Status.missed:
        due_now = find_due_reminder(planned, used_up, state, now, not_before)
        ahead = (
            reminder for reminder in planned if reminder.kind not in used_up and reminder.at >= not_before
        )
        owing += [] if published is FeedState.open else [window.opens_at]
        owing += [reminder.at for reminder in ahead if now < reminder.at < end or reminder is due_now]
    return min(owing, default=None)


class StaffReminderRefusal(StrEnum):
    """Why staff may not send reminders now."""

    FORM_NOT_OPEN = "form_not_open"
    REMINDERS_NOT_WANTED = "reminders_not_wanted"
    REMINDERS_PAUSED = "reminders_paused"
    OUTSIDE_HOURS = "outside_hours"
    REMINDED_TODAY = "reminded_today"
    REMINDER_LIMIT = "reminder_limit"


@dataclass(frozen=True, slots=True)
class FormReminders:
    """How many messages of a form are queued or left, and how many its plan has."""

    messages: int
    planned: int

    @property
    def used_up(self) -> bool:
        """Whether the form gets no message any more, whoever asks for it."""
        return self.messages >= LIMIT_OF_PLAN * self.planned


def staff_reminder_kind(at: datetime, zone: str) -> str:
    """The kind of a reminder that staff send now: a rule of its own on each local day."""
    return f"{BY_STAFF}{local_day(at, zone).isoformat()}"


def check_staff_reminder(
    state: Status,
    preference: ReminderPreference,
    reminders: FormReminders,
    now: datetime,
    zone: str,
    *,
    reminded_today: bool,
) -> StaffReminderRefusal | None:
    """Why staff may not have a reminder of this form sent now; None if they may.

    It is a rule of its own: once a day for a person (`reminded_today`: it was), from 08:00 to 21:00 where
    they live, not in a pause.
    """
    refusals = {
        StaffReminderRefusal.FORM_NOT_OPEN: state not in ANSWERABLE,
        StaffReminderRefusal.REMINDERS_NOT_WANTED: preference.not_before == NEVER,
        StaffReminderRefusal.REMINDERS_PAUSED: preference.not_before > now,
        StaffReminderRefusal.REMINDED_TODAY: reminded_today,
        StaffReminderRefusal.REMINDER_LIMIT: reminders.used_up,
        StaffReminderRefusal.OUTSIDE_HOURS: not is_staff_hour(now, zone),
    }
    return next((refusal for refusal, holds in refusals.items() if holds), None)


def is_staff_reminder(kind: str) -> bool:
    """Whether staff had the reminder of this kind sent."""
    return kind.startswith(BY_STAFF)


def is_too_late(kind: str, at: datetime, zone: str) -> bool:
    """Whether a reminder of this kind must not leave any more: one of staff, after its day or its hours."""
    if not is_staff_reminder(kind):
        return False
    return kind != staff_reminder_kind(at, zone) or not is_staff_hour(at, zone)


def is_staff_hour(at: datetime, zone: str) -> bool:
    """Whether staff may send reminders at this moment, by the clocks of the zone."""
    first, last = STAFF_HOURS
    return first <= at.astimezone(load_zone(zone)).time() <= last
