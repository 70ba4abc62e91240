"""Reminders of a window, which of them is owed, and the next moment at which a slot owes anything."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.plans.plan import Plan, ReminderKind
from app.domain.plans.publication import FeedState
from app.domain.plans.reminders import (
    ALWAYS,
    QueuedReminder,
    Reminder,
    find_due_reminder,
    kinds_used_up,
    next_due_moment,
    plan_reminders,
)
from app.domain.plans.schedule import AnchorDate, PlannedSlot, plan_slots
from app.domain.plans.status import ANSWERABLE, Exit, ExitKind, SlotFacts, Status, derive_status
from app.domain.plans.windows import Window, local_day
from tests.domain.trial import APIA, BERLIN, HEAD, SHANGHAI, SHIPPED, ZONES, anchor_dates, small_plan, visit

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RANDOMISED = date(2026, 1, 10)


def slot(code: str, plan: Plan = SHIPPED, on: date = RANDOMISED, zone: str = SHANGHAI) -> PlannedSlot:
    slots = plan_slots(plan, anchor_dates(enrolment=on, randomisation=on), None, zone)
    return next(each for each in slots if each.visit == code)


def window_of_slot(code: str) -> Window:
    window = slot(code).window
    assert window is not None
    return window


W6 = window_of_slot("W6")
PLANNED = plan_reminders(SHIPPED, slot("W6"))
FIRST, MIDDLE, LAST = PLANNED
moments = st.datetimes(datetime(2026, 2, 10), datetime(2026, 3, 5), timezones=st.just(UTC))  # noqa: DTZ001 - zone is added


def days_after_opening(
    after: int, moments: str = '["opening", "middle", "last_day"]'
) -> list[tuple[str, int]]:
    head = HEAD.replace('["opening", "middle", "last_day"]', moments)
    small_slot = slot("V1", small_plan(visit(after=str(after)), head=head), zone=BERLIN)
    assert small_slot.window is not None
    reminders = plan_reminders(small_plan(visit(after=str(after)), head=head), small_slot)
    return [(each.kind, (local_day(each.at, BERLIN) - small_slot.window.opens_on).days) for each in reminders]


def test_a_window_has_three_reminders_at_nine() -> None:
    assert (
        Reminder(ReminderKind.opening, datetime(2026, 2, 14, 1, tzinfo=UTC)),
        Reminder(ReminderKind.middle, datetime(2026, 2, 21, 1, tzinfo=UTC)),
        Reminder(ReminderKind.last_day, datetime(2026, 2, 27, 1, tzinfo=UTC)),
    ) == PLANNED


def test_a_diary_day_has_one_reminder_at_seven_in_the_evening() -> None:
    assert plan_reminders(SHIPPED, slot("D3")) == (
        Reminder(ReminderKind.entry, datetime(2026, 1, 13, 11, tzinfo=UTC)),
    )


@pytest.mark.req("TIM-06")
def test_a_diary_that_opens_at_an_hour_reminds_from_then_on_and_closes_as_before() -> None:
    diary = SHIPPED.diary
    assert diary is not None
    late = replace(SHIPPED, diary=replace(diary, opens_at=time(20)))
    opened, usual = slot("D3", late).window, slot("D3").window
    assert opened is not None
    assert usual is not None
    assert opened.opens_at == opened.due_at == datetime(2026, 1, 13, 12, tzinfo=UTC)
    same = replace(opened, opens_at=usual.opens_at, due_at=usual.due_at)
    assert same == usual
    at_eight = Reminder(ReminderKind.entry, opened.opens_at)
    assert plan_reminders(late, slot("D3", late)) == (at_eight,)
    assert plan_reminders(late, slot("D3", late), time(8)) == (at_eight,)
    assert plan_reminders(late, slot("D3", late), time(21)) == plan_reminders(SHIPPED, slot("D3"), time(21))
    assert slot("W6", late) == slot("W6")


def test_a_chosen_hour_replaces_both_hours_of_the_plan() -> None:
    for code, days in (("W6", 3), ("D3", 1)):
        chosen = plan_reminders(SHIPPED, slot(code), time(20))
        usual = plan_reminders(SHIPPED, slot(code))
        assert [each.kind for each in chosen] == [each.kind for each in usual]
        assert [local_day(each.at, SHANGHAI) for each in chosen] == [
            local_day(each.at, SHANGHAI) for each in usual
        ]
        assert [each.at.hour for each in chosen] == [12] * days  # 20:00 in Shanghai


def test_short_windows_have_fewer_reminders() -> None:
    assert days_after_opening(0) == [("opening", 0)]
    assert days_after_opening(1) == [("opening", 0)]
    assert days_after_opening(2) == [("opening", 0), ("middle", 1)]
    assert days_after_opening(3) == [("opening", 0), ("middle", 1), ("last_day", 2)]
    assert days_after_opening(3, '["last_day"]') == [("last_day", 2)]
    assert days_after_opening(1, '["last_day"]') == [("last_day", 0)]
    assert days_after_opening(0, '["last_day"]') == []
    assert days_after_opening(9, "[]") == []


def test_no_reminder_without_a_window_after_closing_or_on_a_day_that_is_not() -> None:
    waiting = next(each for each in plan_slots(SHIPPED, {}, None, SHANGHAI) if each.visit == "W6")
    assert plan_reminders(SHIPPED, waiting) == ()
    closed = AnchorDate("randomisation", RANDOMISED, datetime(2026, 1, 10, 0, 30, tzinfo=UTC))
    known = {**anchor_dates(enrolment=RANDOMISED), "randomisation": closed}
    baseline = plan_slots(SHIPPED, known, None, SHANGHAI)[0]
    assert plan_reminders(SHIPPED, baseline) == ()  # randomised at 08:30, before the reminder of 09:00
    assert plan_reminders(SHIPPED, slot("D0", on=date(2011, 12, 30), zone=APIA)) == ()


@given(
    st.dates(date(2005, 1, 1), date(2035, 1, 1)), st.sampled_from(ZONES), st.sampled_from(["BL", "W6", "D2"])
)
def test_reminders_keep_to_the_window_and_to_one_a_day(on: date, zone: str, code: str) -> None:
    planned = slot(code, on=on, zone=zone)
    assert planned.window is not None
    reminders = plan_reminders(SHIPPED, planned)
    assert len({local_day(each.at, zone) for each in reminders}) == len(reminders) <= 3
    assert all(planned.window.opens_at <= each.at < planned.window.closes_at for each in reminders)
    assert [each.at for each in reminders] == sorted(each.at for each in reminders)


def test_only_the_latest_fresh_reminder_is_owed() -> None:
    def due(
        now: datetime, *used_up: str, state: Status = Status.due, not_before: datetime = ALWAYS
    ) -> Reminder | None:
        return find_due_reminder(PLANNED, used_up, state, now, not_before)

    assert due(FIRST.at - HOUR) is None
    assert due(FIRST.at) is FIRST
    assert due(FIRST.at + 23 * HOUR) is FIRST
    assert due(FIRST.at + DAY) is None
    assert due(FIRST.at, "opening") is None
    assert due(MIDDLE.at) is MIDDLE
    assert due(LAST.at, "opening") is LAST
    assert due(FIRST.at + HOUR, not_before=FIRST.at + HOUR) is None
    assert due(FIRST.at, not_before=FIRST.at) is FIRST
    assert [due(FIRST.at, state=state) for state in Status if state not in ANSWERABLE] == [None] * 6


def test_a_slot_owes_its_opening_its_reminders_and_its_miss_in_turn() -> None:
    def then(
        now: datetime, published: FeedState | None, *used_up: str, begun_at: datetime | None = None
    ) -> datetime | None:
        return next_due_moment(W6, PLANNED, SlotFacts(begun_at=begun_at), published, used_up, now)

    assert then(W6.opens_at - DAY, None) == W6.opens_at
    assert then(W6.opens_at - DAY, FeedState.not_opened) == W6.opens_at
    assert then(W6.closes_at - HOUR, None) == W6.opens_at  # an event waits, however late
    assert then(W6.opens_at, FeedState.open) == FIRST.at
    assert then(FIRST.at, FeedState.open) == FIRST.at
    assert then(FIRST.at + DAY, FeedState.open) == MIDDLE.at  # too late for the first
    assert then(FIRST.at, FeedState.open, "opening") == MIDDLE.at
    assert then(LAST.at, FeedState.open, "opening", "middle", "last_day") == W6.closes_at
    assert then(W6.closes_at, None) == W6.closes_at
    assert then(W6.closes_at, FeedState.missed) is None
    assert then(W6.closes_at, FeedState.open, begun_at=W6.due_at) == W6.grace_until


@pytest.mark.req("AVL-05")
def test_a_form_gets_one_message_of_a_kind_and_one_more_once_it_opens_a_week_later() -> None:
    first, second = QueuedReminder("opening", FIRST.at), QueuedReminder("opening", FIRST.at - 20 * DAY)
    assert kinds_used_up((), W6) == frozenset()
    assert kinds_used_up([first], W6) == {"opening"}
    week_before = QueuedReminder("opening", W6.opens_at - 7 * DAY)
    assert kinds_used_up([week_before], W6) == {"opening"}
    earlier = QueuedReminder("opening", W6.opens_at - 7 * DAY - HOUR)
    assert kinds_used_up([earlier], W6) == frozenset()
    assert kinds_used_up([earlier, second], W6) == {"opening"}  # twice is the most
    assert kinds_used_up([earlier, QueuedReminder("middle", MIDDLE.at)], W6) == {"middle"}
    assert kinds_used_up([earlier], None) == {"opening"}


@pytest.mark.parametrize(
    "facts",
    [
        SlotFacts(submitted_at=W6.due_at),
        SlotFacts(excused=True),
        SlotFacts(exit=Exit(ExitKind.death, W6.due_at)),
        SlotFacts(exit=Exit(ExitKind.withdrew_study, W6.opens_at - DAY)),
    ],
)
def test_a_settled_slot_owes_nothing(facts: SlotFacts) -> None:
    for now in (W6.opens_at - DAY, FIRST.at, W6.grace_until):
        assert next_due_moment(W6, PLANNED, facts, None, (), now) is None
    assert next_due_moment(None, (), SlotFacts(), None, (), W6.opens_at) is None


def test_leaving_inside_the_window_stops_reminders_and_owes_the_miss_then() -> None:
    facts = SlotFacts(exit=Exit(ExitKind.withdrew_questionnaires, FIRST.at + HOUR))
    assert next_due_moment(W6, PLANNED, facts, FeedState.open, ("opening",), FIRST.at) == FIRST.at + HOUR


def test_reminders_before_the_first_allowed_moment_are_not_waited_for() -> None:
    due = next_due_moment(W6, PLANNED, SlotFacts(), FeedState.open, (), W6.opens_at, not_before=MIDDLE.at)
    assert due == MIDDLE.at


@given(moments, moments, st.booleans())
def test_a_ticker_that_wakes_at_each_moment_does_everything_once_and_stops(
    starts_at: datetime, not_before: datetime, begun: bool
) -> None:
    facts = SlotFacts(begun_at=W6.due_at if begun else None)
    used_up: list[str] = []
    published: list[FeedState] = []
    now = starts_at
    while (
        wakes_at := next_due_moment(
            W6, PLANNED, facts, published[-1] if published else None, used_up, now, not_before
        )
    ) is not None:
        now = max(now, wakes_at)
        state = derive_status(W6, facts, now)
        reminder = find_due_reminder(PLANNED, used_up, state, now, not_before)
        if reminder is not None:
            used_up.append(reminder.kind)
        elif state is Status.missed:
            published.append(FeedState.missed)
        else:
            published.append(FeedState.open)
    assert len(set(used_up)) == len(used_up)
    assert len(set(published)) == len(published)
    assert published[-1] is FeedState.missed
    assert (FeedState.open in published) == (starts_at < (W6.grace_until if begun else W6.closes_at))
    expected = {each.kind for each in PLANNED if each.at >= max(starts_at, not_before)}
    assert expected <= set(used_up)
