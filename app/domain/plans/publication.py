"""Which changes of an expected form the feed has to tell: what was published last against what is true."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from app.domain.plans.status import ANSWERABLE, SlotFacts, Status, answerable_until, derive_status
from app.domain.plans.windows import Window


class FeedState(StrEnum):
    """The state of an expected form at the resolution of the feed."""

    not_opened = "not_opened"
    open = "open"
    submitted = "submitted"
    missed = "missed"
    excused = "excused"
    not_expected = "not_expected"


class SlotChange(StrEnum):
    """What an event of an expected form says: the part of its type behind `assessment.` or `diary.`."""

    opened = "opened"
    reopened = "reopened"
    rescheduled = "rescheduled"
    completed = "completed"
    missed = "missed"
    excused = "excused"
    not_expected = "not_expected"
    amended = "amended"


@dataclass(frozen=True, slots=True)
class PublishedSlot:
    """What the feed said last of a slot: its state, and whether its window and code are still those."""

    state: FeedState | None
    is_current: bool


class PublishedChange(NamedTuple):
    """What an event says of a form: the change, and the state after it."""

    change: SlotChange
    state: FeedState


FORM_COMPLETED = PublishedChange(SlotChange.completed, FeedState.submitted)
FORM_AMENDED = PublishedChange(SlotChange.amended, FeedState.submitted)
FORM_MISSED = PublishedChange(SlotChange.missed, FeedState.missed)


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change that is not published yet, and since when it holds. `by_time`: nobody's act, the clock's."""

    at: datetime
    change: SlotChange
    state: FeedState
    by_time: bool

    @property
    def published(self) -> PublishedChange:
        """As the event says it."""
        return PublishedChange(self.change, self.state)


def feed_state(status: Status) -> FeedState:
    """A state at the resolution of the feed: nothing that time alone changes while a form is open."""
    if status in ANSWERABLE:
        return FeedState.open
    if status in (Status.planned, Status.waiting):
        return FeedState.not_opened
    return FeedState(status.value)


def pending_changes(
    published: PublishedSlot,
    window: Window | None,
    facts: SlotFacts,
    now: datetime,
    *,
    offered: bool = True,
    in_plan: bool = True,
) -> tuple[PendingChange, ...]:
    """What the feed has to be told so that it says what is true at `now`, in order; nothing if it does.

    Of a slot that was never published nothing is told while it is not opened, not expected since before its
    opening, or out of the plan and not begun. One that was `offered` and missed without a word between was
    opened first.
    """
    state = feed_state(derive_status(window, facts, now))
    expected = in_plan or facts.begun_at is not None
    if published.state is None and not (expected and _is_published_first(state, window, facts)):
        return ()
    if state is published.state:
        if published.is_current:
            return ()
        return (PendingChange(now, _change_within(state), state, by_time=False),)
    if window is None or state not in (FeedState.open, FeedState.missed):
        return (PendingChange(now, _change_to(state), state, by_time=False),)
    changes = []
    unopened = published.state in (None, FeedState.not_opened)
    if unopened and (offered or state is FeedState.open):
        changes.append(PendingChange(window.opens_at, SlotChange.opened, FeedState.open, by_time=True))
    if state is FeedState.missed:
        over = answerable_until(window, facts)
        by_time = facts.exit is None and (
            unopened or (published.state is FeedState.open and published.is_current)
        )
        changes.append(PendingChange(over, SlotChange.missed, state, by_time))
    elif not unopened:
        changes.append(PendingChange(now, SlotChange.reopened, state, by_time=False))
    return tuple(changes)


def _is_published_first(state: FeedState, window: Window | None, facts: SlotFacts) -> bool:
    """Whether a slot that the feed does not know yet is worth a first event."""
    if state is FeedState.not_expected:
        exit_ = facts.exit
        return window is not None and exit_ is not None and window.opens_at <= exit_.at < window.closes_at
    return state is not FeedState.not_opened


def _change_within(state: FeedState) -> SlotChange:
    """How a moved window or a new code is told: with the answers where there are some."""
    return SlotChange.completed if state is FeedState.submitted else SlotChange.rescheduled


def _change_to(state: FeedState) -> SlotChange:
    if state is FeedState.not_opened:
        return SlotChange.rescheduled
    return SlotChange.completed if state is FeedState.submitted else SlotChange(state.value)
