"""The one function that decides a slot's state, at every edge and in every order."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.plans.status import (
    ANSWERABLE,
    Exit,
    ExitKind,
    SlotFacts,
    Status,
    answerable_until,
    derive_status,
    died_in_window,
)
from app.domain.plans.windows import build_window
from tests.domain.trial import SHANGHAI

SECOND = timedelta(seconds=1)
WINDOW = build_window(
    date(2026, 2, 14), date(2026, 2, 21), date(2026, 2, 28), SHANGHAI, overdue_after=3, grace_hours=48
)
BEGUN = SlotFacts(begun_at=WINDOW.due_at)
WITHDRAWALS = [kind for kind in ExitKind if kind is not ExitKind.death]
moments = st.datetimes(datetime(2026, 2, 1), datetime(2026, 3, 15), timezones=st.just(UTC))  # noqa: DTZ001 - zone is added
exits = st.none() | st.builds(Exit, st.sampled_from(ExitKind), moments)
facts = st.builds(SlotFacts, st.none() | moments, st.none() | moments, exits, st.booleans())


def exited(kind: ExitKind, at: datetime, begun_at: datetime | None = None) -> SlotFacts:
    return SlotFacts(begun_at=begun_at, exit=Exit(kind, at))


@pytest.mark.req("TIM-07", "REP-01")
@pytest.mark.parametrize(
    ("now", "untouched", "begun"),
    [
        (WINDOW.opens_at - SECOND, Status.planned, Status.planned),
        (WINDOW.opens_at, Status.open, Status.in_progress),
        (WINDOW.due_at - SECOND, Status.open, Status.in_progress),
        (WINDOW.due_at, Status.due, Status.in_progress),
        (WINDOW.overdue_at - SECOND, Status.due, Status.in_progress),
        (WINDOW.overdue_at, Status.overdue, Status.overdue),
        (WINDOW.closes_at - SECOND, Status.overdue, Status.overdue),
        (WINDOW.closes_at, Status.missed, Status.in_progress),
        (WINDOW.grace_until - SECOND, Status.missed, Status.in_progress),
        (WINDOW.grace_until, Status.missed, Status.missed),
    ],
)
def test_time_alone_moves_a_slot_along(now: datetime, untouched: Status, begun: Status) -> None:
    assert derive_status(WINDOW, SlotFacts(), now) is untouched
    assert derive_status(WINDOW, BEGUN, now) is begun


def test_a_slot_without_an_anchor_waits() -> None:
    assert derive_status(None, SlotFacts(), WINDOW.due_at) is Status.waiting
    assert derive_status(None, SlotFacts(excused=True), WINDOW.due_at) is Status.excused


@pytest.mark.req("REP-03")
@pytest.mark.parametrize("kind", ExitKind)
def test_nothing_is_expected_after_an_exit(kind: ExitKind) -> None:
    before = exited(kind, WINDOW.opens_at - SECOND)
    assert derive_status(WINDOW, before, WINDOW.due_at) is Status.not_expected
    assert derive_status(None, before, WINDOW.due_at) is Status.not_expected
    assert derive_status(None, exited(kind, WINDOW.closes_at), WINDOW.due_at) is Status.not_expected


@pytest.mark.req("REP-03")
def test_death_before_closing_is_never_missing_data() -> None:
    inside = exited(ExitKind.death, WINDOW.closes_at - SECOND, begun_at=WINDOW.opens_at)
    assert derive_status(WINDOW, inside, WINDOW.grace_until) is Status.not_expected
    assert died_in_window(WINDOW, inside)
    assert died_in_window(WINDOW, exited(ExitKind.death, WINDOW.opens_at))
    assert not died_in_window(WINDOW, exited(ExitKind.death, WINDOW.opens_at - SECOND))
    assert not died_in_window(WINDOW, exited(ExitKind.withdrew_study, WINDOW.opens_at))
    assert not died_in_window(WINDOW, SlotFacts())
    assert not died_in_window(None, inside)
    submitted = SlotFacts(submitted_at=WINDOW.opens_at, exit=inside.exit)
    assert not died_in_window(WINDOW, submitted)


@pytest.mark.req("REP-03")
def test_death_after_closing_leaves_the_form_missed() -> None:
    after = exited(ExitKind.death, WINDOW.closes_at)
    assert derive_status(WINDOW, after, WINDOW.closes_at) is Status.missed
    assert not died_in_window(WINDOW, after)


@pytest.mark.req("REP-03")
@pytest.mark.parametrize("kind", WITHDRAWALS)
def test_leaving_inside_the_window_ends_it_there_without_grace(kind: ExitKind) -> None:
    for begun_at in (None, WINDOW.opens_at):
        inside = exited(kind, WINDOW.due_at, begun_at)
        assert derive_status(WINDOW, inside, WINDOW.due_at - SECOND) in ANSWERABLE
        assert derive_status(WINDOW, inside, WINDOW.due_at) is Status.missed
        assert answerable_until(WINDOW, inside) == WINDOW.due_at


@pytest.mark.parametrize("kind", ExitKind)
def test_leaving_after_closing_takes_the_grace_away(kind: ExitKind) -> None:
    gone_at = WINDOW.closes_at + SECOND
    assert answerable_until(WINDOW, exited(kind, gone_at, WINDOW.opens_at)) == gone_at
    assert answerable_until(WINDOW, exited(kind, gone_at)) == WINDOW.closes_at
    begun = exited(kind, gone_at, WINDOW.opens_at)
    assert derive_status(WINDOW, begun, gone_at - SECOND) is Status.in_progress
    assert derive_status(WINDOW, begun, gone_at) is Status.missed


def test_answers_are_taken_until_closing_and_by_a_begun_form_until_the_grace_ends() -> None:
    assert answerable_until(WINDOW, SlotFacts()) == WINDOW.closes_at
    assert answerable_until(WINDOW, BEGUN) == WINDOW.grace_until


def test_a_window_in_which_nothing_can_be_answered_is_not_expected() -> None:
    empty = replace(WINDOW, closes_at=WINDOW.opens_at)
    for now in (WINDOW.opens_at - SECOND, WINDOW.opens_at, WINDOW.grace_until):
        assert derive_status(empty, SlotFacts(), now) is Status.not_expected


@given(st.sampled_from([WINDOW, None]), facts, moments)
def test_precedence_submitted_not_expected_excused_missed(
    window: object, known: SlotFacts, now: datetime
) -> None:
    slot = WINDOW if window else None
    state = derive_status(slot, known, now)
    if known.submitted_at is not None:
        assert state is Status.submitted
    elif state is not Status.not_expected and known.excused:
        assert state is Status.excused
    else:
        assert state is not Status.submitted
        assert (state is Status.waiting) <= (slot is None)


@pytest.mark.req("REP-01")
@given(facts, moments, moments)
def test_time_never_turns_a_state_back(known: SlotFacts, one: datetime, other: datetime) -> None:
    order = [Status.planned, Status.open, Status.in_progress, Status.due, Status.overdue, Status.missed]
    if known.begun_at is not None:  # overdue ends at closing, and the grace of a begun form follows
        order = [Status.planned, Status.overdue, Status.in_progress, Status.missed]
    states = [derive_status(WINDOW, known, now) for now in sorted([one, other])]
    settled = {Status.submitted, Status.excused, Status.not_expected}
    if states[0] in settled or states[1] in settled:
        assert states[0] is states[1]
    elif Status.in_progress not in states:
        assert order.index(states[0]) <= order.index(states[1])
    else:
        assert states[0] is not Status.missed
        assert states[1] is not Status.planned


@given(facts, moments)
def test_a_form_takes_answers_exactly_until_the_instant_from_which_it_is_missed(
    known: SlotFacts, now: datetime
) -> None:
    state = derive_status(WINDOW, known, now)
    settled = {Status.submitted, Status.excused, Status.not_expected}
    takes = state not in settled and WINDOW.opens_at <= now < answerable_until(WINDOW, known)
    assert takes == (state in ANSWERABLE)
