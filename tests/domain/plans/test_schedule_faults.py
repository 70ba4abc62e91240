"""What a plan promises is checked again on the forms that are stored."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from app.domain.plans.rescheduling import StandingSlot, plan_moves
from app.domain.plans.schedule import plan_slots
from app.domain.plans.schedule_faults import ScheduleFault, ScheduleFaultKind, find_schedule_faults
from app.domain.plans.status import SlotFacts
from tests.domain.trial import SHANGHAI, SHIPPED, anchor_dates

DAY0 = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
ANCHORS = anchor_dates(enrolment=DAY0, randomisation=DAY0)
PLANNED = plan_slots(SHIPPED, ANCHORS, "SOC", SHANGHAI)
STANDING = [
    StandingSlot(key, each, SlotFacts(), each.series == "diary", on_request=False, out_of_plan=False)
    for key, each in enumerate(PLANNED, start=1)
]


def faults(standing: list[StandingSlot], at: datetime = NOW) -> list[ScheduleFault]:
    changes = plan_moves(standing, PLANNED, None, at)
    return list(find_schedule_faults(SHIPPED, ANCHORS, standing, changes, at))


def without(visit: str) -> list[StandingSlot]:
    return [form for form in STANDING if form.planned.visit != visit]


def test_a_schedule_as_the_plan_makes_it_has_no_fault() -> None:
    assert faults(STANDING) == []


def test_a_day_that_can_be_entered_and_has_no_form_is_named() -> None:
    assert faults(without("D5")) == [ScheduleFault(ScheduleFaultKind.empty_day, "D5", "2026-03-07")]
    assert faults(without("D5"), NOW + timedelta(days=30)) == []  # its limit is past
    assert faults(without("W6")) == []  # a visit, no day


def test_a_window_that_the_zone_s_rules_moved_is_named_until_somebody_begins() -> None:
    """The form was stored when summer time, say, still began on another day."""
    form = next(form for form in STANDING if form.planned.visit == "W6")
    window = form.planned.window
    assert window is not None
    hour = timedelta(hours=1)
    shifted = {
        name: getattr(window, name) + hour
        for name in ("opens_at", "due_at", "overdue_at", "closes_at", "grace_until")
    }
    old = replace(form, planned=replace(form.planned, window=replace(window, **shifted)))
    others = [each for each in STANDING if each is not form]
    opens = f"{window.opens_at:%Y-%m-%dT%H:%MZ}"
    assert faults([*others, old]) == [ScheduleFault(ScheduleFaultKind.moved_window, "W6", opens)]
    assert faults([*others, replace(old, facts=SlotFacts(begun_at=NOW))]) == []


def test_a_begun_day_that_has_another_code_by_now_keeps_its_window() -> None:
    form = next(form for form in STANDING if form.planned.visit == "D5")
    begun = replace(form, planned=replace(form.planned, visit="D4"), facts=SlotFacts(begun_at=NOW))
    assert faults([*(each for each in STANDING if each is not form), begun]) == []


def test_two_windows_of_one_series_that_overlap_are_named() -> None:
    first = next(form for form in STANDING if form.planned.visit == "W6")
    second = next(form for form in STANDING if form.planned.visit == "W12")
    begun = SlotFacts(begun_at=NOW)
    late = replace(second, planned=replace(second.planned, window=first.planned.window), facts=begun)
    others = [form for form in STANDING if form is not second]
    assert faults([*others, late]) == [ScheduleFault(ScheduleFaultKind.overlap, "W6", "W12")]
    excused = replace(late, facts=SlotFacts(begun_at=NOW, excused=True))
    assert faults([*others, excused]) == []


def test_dates_against_their_order_are_named() -> None:
    dates = anchor_dates(enrolment=DAY0, randomisation=DAY0 - timedelta(days=1))
    faults = list(find_schedule_faults(SHIPPED, dates, [], (), NOW))
    assert faults == [ScheduleFault(ScheduleFaultKind.contradiction, "randomisation", "enrolment")]
