"""Which changes of a form the feed is told: exactly those after which it says what is true."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.plans.publication import (
    FORM_COMPLETED,
    FeedState,
    PendingChange,
    PublishedSlot,
    SlotChange,
    feed_state,
    pending_changes,
)
from app.domain.plans.status import Exit, ExitKind, SlotFacts, Status, derive_status
from app.domain.plans.windows import Window, build_window
from tests.domain.trial import SHANGHAI

WINDOW = build_window(
    date(2026, 2, 14), date(2026, 2, 21), date(2026, 2, 28), SHANGHAI, overdue_after=3, grace_hours=48
)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NEVER = PublishedSlot(None, is_current=False)
moments = st.datetimes(datetime(2026, 2, 1), datetime(2026, 3, 15), timezones=st.just(UTC))  # noqa: DTZ001 - zone is added
exits = st.none() | st.builds(Exit, st.sampled_from(ExitKind), moments)
facts = st.builds(SlotFacts, st.none() | moments, st.none() | moments, exits, st.booleans())
windows = st.sampled_from([WINDOW, None, replace(WINDOW, closes_at=WINDOW.opens_at)])
published = st.builds(PublishedSlot, st.none() | st.sampled_from(FeedState), st.booleans())


def changes(
    known: PublishedSlot,
    now: datetime,
    facts: SlotFacts = SlotFacts(),  # noqa: B008 - frozen
    window: Window | None = WINDOW,
) -> list[SlotChange]:
    return [each.change for each in pending_changes(known, window, facts, now)]


def current(state: FeedState) -> PublishedSlot:
    return PublishedSlot(state, is_current=True)


@pytest.mark.req("EDC-04")
@given(published, windows, facts, moments, st.booleans(), st.booleans())
def test_after_the_changes_the_feed_says_what_is_true(
    known: PublishedSlot,
    window: Window | None,
    facts: SlotFacts,
    now: datetime,
    offered: bool,
    in_plan: bool,
) -> None:
    changes = pending_changes(known, window, facts, now, offered=offered, in_plan=in_plan)
    state = feed_state(derive_status(window, facts, now))
    after = changes[-1].state if changes else known.state
    if known.state is not None:
        assert after is state
        assert changes or known.is_current
    else:
        assert after in (None, state)
    if changes:
        again = PublishedSlot(changes[-1].state, is_current=True)
        assert pending_changes(again, window, facts, now, offered=offered, in_plan=in_plan) == ()
        assert [each.at for each in changes] == sorted(each.at for each in changes)


def test_an_open_form_is_published_as_opened() -> None:
    """Drawn once: only what closed before its date was recorded goes without it."""
    known = PublishedSlot(FeedState.not_opened, is_current=False)
    (changes,) = pending_changes(known, WINDOW, SlotFacts(), WINDOW.opens_at, offered=False, in_plan=False)
    assert changes.change is SlotChange.opened


def test_time_alone_opens_and_ends_a_form() -> None:
    assert changes(NEVER, WINDOW.opens_at - SECOND) == []
    assert changes(NEVER, WINDOW.opens_at) == [SlotChange.opened]
    assert changes(NEVER, WINDOW.closes_at) == [SlotChange.opened, SlotChange.missed]
    assert changes(current(FeedState.open), WINDOW.closes_at) == [SlotChange.missed]
    due_changes = pending_changes(NEVER, WINDOW, SlotFacts(), WINDOW.closes_at)
    assert [(each.at, each.by_time) for each in due_changes] == [
        (WINDOW.opens_at, True),
        (WINDOW.closes_at, True),
    ]


def test_a_window_already_over_is_published_as_missed_only() -> None:
    (changes,) = pending_changes(NEVER, WINDOW, SlotFacts(), WINDOW.closes_at, offered=False)
    assert changes == PendingChange(WINDOW.closes_at, SlotChange.missed, FeedState.missed, by_time=True)


@pytest.mark.req("REP-03")
def test_an_act_publishes_its_own_changes() -> None:
    at = WINDOW.due_at
    died = SlotFacts(exit=Exit(ExitKind.death, at - DAY))
    gone = SlotFacts(exit=Exit(ExitKind.withdrew_study, at))
    assert changes(current(FeedState.open), at, died) == [SlotChange.not_expected]
    assert changes(current(FeedState.missed), WINDOW.closes_at, died) == [SlotChange.not_expected]
    assert changes(NEVER, at, died) == [SlotChange.not_expected]  # death inside the window
    assert changes(NEVER, at, SlotFacts(exit=Exit(ExitKind.death, WINDOW.opens_at - DAY))) == []
    assert changes(current(FeedState.open), at, gone) == [SlotChange.missed]
    assert changes(current(FeedState.not_expected), at) == [SlotChange.reopened]
    assert changes(current(FeedState.missed), at) == [SlotChange.reopened]
    assert changes(current(FeedState.not_opened), at) == [SlotChange.opened]
    assert changes(current(FeedState.open), at, SlotFacts(excused=True)) == [SlotChange.excused]
    for known, facts in ((FeedState.open, died), (FeedState.open, gone), (FeedState.missed, SlotFacts())):
        assert not any(each.by_time for each in pending_changes(current(known), WINDOW, facts, at))


def test_a_moved_window_is_published_with_its_answers() -> None:
    at = WINDOW.due_at
    moved = PublishedSlot(FeedState.open, is_current=False)
    assert changes(moved, at) == [SlotChange.rescheduled]
    assert changes(moved, WINDOW.opens_at - DAY) == [SlotChange.rescheduled]
    assert changes(moved, at, window=None) == [SlotChange.rescheduled]
    submitted = PublishedSlot(FeedState.submitted, is_current=False)
    assert changes(submitted, at, SlotFacts(submitted_at=at)) == [FORM_COMPLETED.change]
    assert changes(current(FeedState.open), at, SlotFacts(submitted_at=at)) == [SlotChange.completed]


def test_a_removed_form_is_published_only_if_it_was_before() -> None:
    excused = SlotFacts(excused=True)
    assert pending_changes(NEVER, WINDOW, excused, WINDOW.due_at, in_plan=False) == ()
    (changes,) = pending_changes(current(FeedState.open), WINDOW, excused, WINDOW.due_at, in_plan=False)
    assert changes.change is SlotChange.excused


@given(facts, windows, moments)
def test_every_state_has_one_of_the_feed(known: SlotFacts, window: Window | None, now: datetime) -> None:
    state = derive_status(window, known, now)
    assert (feed_state(state) is FeedState.not_opened) == (state in (Status.planned, Status.waiting))
