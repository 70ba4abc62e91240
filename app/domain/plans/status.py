"""The state of a slot, derived from its window and the facts; nothing else decides it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.plans.windows import Window


class Status(StrEnum):
    """The states of a slot: derived, never stored."""

    planned = "planned"
    open = "open"
    due = "due"
    overdue = "overdue"
    in_progress = "in_progress"
    submitted = "submitted"
    missed = "missed"
    excused = "excused"
    not_expected = "not_expected"
    waiting = "waiting"


ANSWERABLE = frozenset({Status.open, Status.due, Status.overdue, Status.in_progress})
"""The states in which a participant may answer."""


class ExitKind(StrEnum):
    """Dispositions that end questionnaires. Withdrawal from treatment is none of them."""

    death = "death"
    withdrew_questionnaires = "withdrew_questionnaires"
    withdrew_study = "withdrew_study"
    screen_failure = "screen_failure"


@dataclass(frozen=True, slots=True)
class Exit:
    """The current disposition that ends questionnaires.

    `at` is the start of its effective day in the participant's zone, in UTC.
    """

    kind: ExitKind
    at: datetime


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """What is known of one slot beside its window. All moments are aware UTC."""

    begun_at: datetime | None = None
    submitted_at: datetime | None = None
    exit: Exit | None = None
    excused: bool = False


def derive_status(window: Window | None, facts: SlotFacts, now: datetime) -> Status:
    """The state of a slot at `now`; `window` is None while its anchor is not known.

    Precedence: submitted, not expected, excused, missed, then the states that time alone makes.
    """
    if facts.submitted_at is not None:
        return Status.submitted
    if _not_expected(window, facts.exit):
        return Status.not_expected
    if facts.excused:
        return Status.excused
    return Status.waiting if window is None else _by_time(window, facts, now)


def _not_expected(window: Window | None, exit_: Exit | None) -> bool:
    """Death before closing, any other exit before opening, and a window in which nothing can be answered."""
    if window is None:
        return exit_ is not None
    if window.opens_at >= window.closes_at:
        return True
    if exit_ is None:
        return False
    return exit_.at < (window.closes_at if exit_.kind is ExitKind.death else window.opens_at)


def _by_time(window: Window, facts: SlotFacts, now: datetime) -> Status:
    if now >= answerable_until(window, facts):
        return Status.missed
    if now < window.opens_at:
        return Status.planned
    if window.overdue_at <= now < window.closes_at:
        return Status.overdue
    if facts.begun_at is not None:
        return Status.in_progress
    return Status.due if window.due_at <= now else Status.open


def answerable_until(window: Window, facts: SlotFacts) -> datetime:
    """The instant until which an expected form takes answers, and from which it is missed.

    Closing, or the end of the grace for a begun form; an exit ends either at once. A form takes answers
    exactly while `opens_at <= now < answerable_until`: status, saving, sending and pages all ask here.
    """
    end = window.closes_at if facts.begun_at is None else window.grace_until
    return end if facts.exit is None else min(end, facts.exit.at)


def died_in_window(window: Window | None, facts: SlotFacts) -> bool:
    """Whether death fell inside the window of a slot that was not submitted. Never missing data."""
    exit_ = facts.exit
    if window is None or exit_ is None or exit_.kind is not ExitKind.death or facts.submitted_at is not None:
        return False
    return window.opens_at <= exit_.at < window.closes_at
