"""Slots and windows made from plan and anchors, as properties over dates, zones and plans."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.plans.plan import Plan
from app.domain.plans.schedule import (
    AnchorDate,
    PlannedSlot,
    needs_late_reason,
    plan_requested_visit,
    plan_slots,
)
from app.domain.plans.windows import Unit, Window, add_units, load_zone, start_of_day
from app.domain.refusal import BadDefinition, Refused
from tests.domain.trial import (
    BERLIN,
    DIARY,
    SHANGHAI,
    SHIPPED,
    ZONES,
    anchor_dates,
    known_windows,
    repeated_visit,
    small_plan,
    visit,
)

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
ENROLLED, RANDOMISED = date(2026, 1, 1), date(2026, 1, 10)
ANCHORS = anchor_dates(enrolment=ENROLLED, randomisation=RANDOMISED)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MONTHLY = small_plan(repeated_visit("M{n}", 1, 36, 1, "months", before="0", after="7"))
days = st.dates(date(2005, 1, 1), date(2035, 12, 31))
zones = st.sampled_from(ZONES)


def of(
    plan: Plan, anchors: dict[str, AnchorDate], arm: str | None = "SBRT", zone: str = SHANGHAI
) -> dict[str, Window]:
    return known_windows(plan_slots(plan, anchors, arm, zone))


def span(window: Window) -> tuple[date, date, date]:
    return window.opens_on, window.target_on, window.closes_on


def disjoint(slots: Iterable[PlannedSlot]) -> bool:
    series = defaultdict(list)
    for slot in slots:
        if slot.window is not None and slot.for_day is None:
            series[slot.series, slot.instrument].append(slot.window)
    pairs = (pair for each in series.values() for pair in pairwise(each))
    return all(one.closes_at <= following.opens_at for one, following in pairs)


@pytest.mark.req("REP-01")
def test_every_form_to_month_36_is_expected_in_advance() -> None:
    slots = plan_slots(SHIPPED, ANCHORS, "SOC", SHANGHAI)
    forms = ["BL", "W6", *(f"W{week}" for week in range(12, 157, 12))]
    entries = [*(f"D{day}" for day in range(84)), *(f"DW{week}" for week in range(12, 157))]
    assert [slot.visit for slot in slots if slot.instrument == "qlq-c30"] == forms
    assert [slot.visit for slot in slots if slot.instrument == "symptom-diary"] == entries
    assert {slot.instrument_version for slot in slots if slot.instrument == "qlq-c30"} == {"3.0"}
    assert len({slot.key for slot in slots}) == len(slots) == 244
    assert all(slot.window is not None for slot in slots)


@pytest.mark.req("TIM-06")
def test_the_windows_of_the_shipped_plan() -> None:
    known = {**ANCHORS, **anchor_dates(sbrt_end=date(2026, 2, 1), treatment_withdrawal=date(2026, 2, 3))}
    windows = of(SHIPPED, known)
    assert span(windows["W6"]) == (date(2026, 2, 14), date(2026, 2, 21), date(2026, 2, 28))
    assert span(windows["W156"]) == (date(2028, 12, 30), date(2029, 1, 6), date(2029, 1, 13))
    assert span(windows["EOT"]) == (date(2026, 2, 1), date(2026, 2, 1), date(2026, 2, 15))
    assert span(windows["ET"]) == (date(2026, 2, 3), date(2026, 2, 3), date(2026, 2, 17))
    assert span(windows["D0"]) == (RANDOMISED, RANDOMISED, date(2026, 1, 12))
    assert span(windows["D83"])[0] + DAY == span(windows["DW12"])[0] == date(2026, 4, 4)
    assert span(windows["DW156"])[1] == span(windows["W156"])[1]
    assert windows["W6"].overdue_at == windows["W6"].due_at + DAY
    assert windows["D5"].overdue_at == windows["D5"].opens_at + DAY
    assert windows["BL"].overdue_at == windows["BL"].opens_at + 7 * DAY


def test_arms_and_events_decide_which_visits_are_there() -> None:
    def codes(arm: str | None, anchors: dict[str, AnchorDate]) -> set[str]:
        return {slot.visit for slot in plan_slots(SHIPPED, anchors, arm, SHANGHAI)}

    withdrawn = {**ANCHORS, **anchor_dates(treatment_withdrawal=RANDOMISED)}
    assert codes("SBRT", ANCHORS) - codes("SOC", ANCHORS) == {"EOT"}
    assert codes("SOC", ANCHORS) == codes(None, ANCHORS)
    assert codes("SOC", withdrawn) - codes("SOC", ANCHORS) == {"ET"}
    assert not {code for code in codes("SBRT", withdrawn) if code.startswith("UNS")}


def test_progression_and_second_line_end_nothing() -> None:
    further = {**ANCHORS, **anchor_dates(progression=RANDOMISED, second_line_start=RANDOMISED)}
    assert plan_slots(SHIPPED, further, "SOC", SHANGHAI) == plan_slots(SHIPPED, ANCHORS, "SOC", SHANGHAI)


def test_slots_wait_for_their_anchor() -> None:
    slots = {slot.visit: slot for slot in plan_slots(SHIPPED, {}, "SBRT", SHANGHAI)}
    assert all(slot.window is None for slot in slots.values())
    assert slots["D0"].for_day is None
    assert (slots["W12"].anchor, slots["EOT"].anchor) == ("randomisation", "sbrt_end")


def test_what_tells_the_arm_is_marked() -> None:
    slots = plan_slots(
        SHIPPED, {**ANCHORS, **anchor_dates(treatment_withdrawal=RANDOMISED)}, "SBRT", SHANGHAI
    )
    assert [slot.visit for slot in slots if slot.arm_revealing] == ["EOT"]
    event = small_plan(visit("S1", anchor='"surgery"', anchoring='"event"'))
    assert [slot.arm_revealing for slot in plan_slots(event, {}, None, BERLIN)] == [True]


@pytest.mark.req("TIM-06", "TIM-07")
def test_the_baseline_closes_with_randomisation() -> None:
    def baseline(**more: AnchorDate) -> Window:
        return of(SHIPPED, {**anchor_dates(enrolment=ENROLLED), **more})["BL"]

    assert span(baseline()) == (ENROLLED, ENROLLED, date(2026, 1, 29))
    assert baseline().days == 29
    late = baseline(randomisation=AnchorDate("randomisation", date(2026, 3, 1)))
    assert late == baseline()
    day_zero = baseline(randomisation=AnchorDate("randomisation", RANDOMISED))
    assert day_zero.closes_on == RANDOMISED
    assert day_zero.closes_at == start_of_day(RANDOMISED + DAY, SHANGHAI)
    at = datetime(2026, 1, 10, 2, 30, tzinfo=UTC)
    assert baseline(randomisation=AnchorDate("randomisation", RANDOMISED, at)).closes_at == at
    before = baseline(randomisation=AnchorDate("randomisation", ENROLLED - 3 * DAY))
    assert (before.closes_on, before.closes_at) == (before.opens_on, before.opens_at)


@pytest.mark.req("TIM-06")
@given(days, days, zones)
def test_windows_of_one_series_never_overlap(one: date, other: date, zone: str) -> None:
    known = anchor_dates(enrolment=one, randomisation=other, sbrt_end=one, treatment_withdrawal=other)
    assert disjoint(plan_slots(SHIPPED, known, "SBRT", zone))


@given(
    st.sampled_from(Unit),
    st.integers(1, 8),
    st.integers(0, 16),
    st.integers(0, 16),
    st.sampled_from(["fixed", "previous"]),
    days,
    zones,
    st.integers(-16, 16),
)
def test_a_plan_is_refused_or_its_windows_are_disjoint(
    unit: Unit, step: int, before: int, after: int, anchoring: str, day: date, zone: str, moved: int
) -> None:
    text = repeated_visit(
        "V{n}", step, step * 4, step, unit, before=str(before), after=str(after), anchoring=f'"{anchoring}"'
    )
    try:
        plan = small_plan(text)
    except BadDefinition:
        return
    first = of(plan, anchor_dates(randomisation=day), zone=zone)[f"V{step}"]
    seen_on = max(first.opens_on, min(first.closes_on, add_units(first.target_on, moved, Unit.days)))
    visited = AnchorDate(f"visit:V{step}", seen_on)
    assert disjoint(plan_slots(plan, {**anchor_dates(randomisation=day), visited.kind: visited}, None, zone))


@pytest.mark.req("REP-01")
@given(days, zones)
def test_the_order_of_codes_is_the_order_of_dates(day: date, zone: str) -> None:
    slots = plan_slots(SHIPPED, anchor_dates(randomisation=day), None, zone)
    for prefix in ("W", "D", "DW"):
        numbered = [slot for slot in slots if slot.visit.rstrip("0123456789") == prefix]
        by_code = sorted(numbered, key=lambda slot: int(slot.visit.removeprefix(prefix)))
        assert by_code == sorted(numbered, key=lambda slot: slot.window.target_on if slot.window else day)


@pytest.mark.req("TIM-06")
@given(days, zones)
def test_weeks_never_drift(day: date, zone: str) -> None:
    windows = of(SHIPPED, anchor_dates(randomisation=day), zone=zone)
    for week in (6, *range(12, 157, 12)):
        window = windows[f"W{week}"]
        assert (window.target_on - day).days == 7 * week
        assert window.target_on.weekday() == day.weekday()
        assert window.days == 15
    assert all((windows[f"DW{week}"].target_on - day).days == 7 * week for week in range(12, 157))


@pytest.mark.req("TIM-06")
@given(days)
def test_months_are_counted_once_from_the_anchor(day: date) -> None:
    windows = of(MONTHLY, anchor_dates(randomisation=day), zone=BERLIN)
    assert [windows[f"M{n}"].target_on for n in range(1, 37)] == [
        add_units(day, n, Unit.months) for n in range(1, 37)
    ]


@pytest.mark.req("TIM-06")
@given(days, st.sampled_from(ZONES), st.sampled_from(["UTC", "Asia/Tokyo", "America/Los_Angeles"]))
def test_nothing_depends_on_the_servers_zone(day: date, zone: str, server: str) -> None:
    expected = plan_slots(SHIPPED, anchor_dates(enrolment=day, randomisation=day), "SOC", zone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", server)
        time.tzset()
        start_of_day.cache_clear()
        load_zone.cache_clear()
        again = plan_slots(SHIPPED, anchor_dates(enrolment=day, randomisation=day), "SOC", zone)
    time.tzset()
    assert again == expected


def test_previous_visits_count_from_the_last_actual_one() -> None:
    plan = small_plan(
        repeated_visit("C{n}", 3, 12, 3, "weeks", before="2", after="2", anchoring='"previous"')
    )
    start = anchor_dates(randomisation=RANDOMISED)
    assert of(plan, start)["C9"].target_on == RANDOMISED + timedelta(weeks=9)
    visited = {**start, "visit:C3": AnchorDate("visit:C3", RANDOMISED + timedelta(days=23))}
    windows = of(plan, visited)
    assert windows["C3"] == of(plan, start)["C3"]
    assert [windows[code].target_on - RANDOMISED for code in ("C6", "C12")] == [
        timedelta(days=44),
        timedelta(days=86),
    ]
    fixed = small_plan(repeated_visit("C{n}", 3, 12, 3, "weeks", before="2", after="2"))
    assert of(fixed, visited) == of(fixed, start)


def test_an_unscheduled_visit_opens_on_the_day_of_request() -> None:
    slots = plan_requested_visit(SHIPPED, "UNS", 1, RANDOMISED, SHANGHAI, {})
    assert [(slot.key, slot.series, slot.anchor) for slot in slots] == [
        (("UNS-1", "qlq-c30"), "unscheduled", "UNS-1")
    ]
    window = known_windows(slots)["UNS-1"]
    assert span(window) == (RANDOMISED, RANDOMISED, RANDOMISED + 7 * DAY)
    assert not slots[0].arm_revealing


def test_a_repeated_baseline_ends_with_the_baseline() -> None:
    def again(on_day: date, anchors: dict[str, AnchorDate]) -> Window:
        return known_windows(plan_requested_visit(SHIPPED, "BL", 2, on_day, SHANGHAI, anchors))["BL-2"]

    enrolled = anchor_dates(enrolment=ENROLLED)
    assert span(again(ENROLLED + 9 * DAY, enrolled))[2] == ENROLLED + 28 * DAY
    at = datetime(2026, 1, 10, 2, 30, tzinfo=UTC)
    closed = again(RANDOMISED, {**enrolled, "randomisation": AnchorDate("randomisation", RANDOMISED, at)})
    assert (closed.opens_on, closed.closes_at) == (RANDOMISED, at)


@pytest.mark.parametrize(
    ("code", "number", "on_day", "anchors", "reason"),
    [
        ("W6", 1, ENROLLED, ANCHORS, "unknown_visit"),
        ("UNS", 0, ENROLLED, ANCHORS, "bad_visit_number"),
        ("BL", 1, ENROLLED, ANCHORS, "bad_visit_number"),
        ("BL", 2, ENROLLED, {}, "anchor_unknown"),
        ("BL", 2, ENROLLED - DAY, ANCHORS, "outside_window"),
        ("BL", 2, RANDOMISED + DAY, ANCHORS, "outside_window"),
    ],
)
def test_requests_that_the_plan_does_not_allow_are_refused(
    code: str, number: int, on_day: date, anchors: dict[str, AnchorDate], reason: str
) -> None:
    with pytest.raises(Refused) as refused:
        plan_requested_visit(SHIPPED, code, number, on_day, SHANGHAI, anchors)
    assert refused.value.code == reason


def test_a_participants_zone_must_exist() -> None:
    with pytest.raises(Refused) as refused:
        plan_slots(SHIPPED, ANCHORS, None, "Asia/Atlantis")
    assert refused.value.code == "unknown_zone"


@pytest.mark.req("TIM-07")
@given(days, zones)
def test_a_diary_entry_more_than_a_day_late_needs_a_reason(day: date, zone: str) -> None:
    slot = next(
        slot
        for slot in plan_slots(SHIPPED, anchor_dates(randomisation=day), None, zone)
        if slot.visit == "D0"
    )
    late_from = start_of_day(day + 2 * DAY, zone)
    assert slot.for_day == day
    assert needs_late_reason(SHIPPED, slot, late_from)
    assert not needs_late_reason(SHIPPED, slot, late_from - SECOND)


def test_only_dated_diary_entries_need_a_late_reason() -> None:
    form, *_, entry = plan_slots(SHIPPED, ANCHORS, None, SHANGHAI)
    late = datetime(2030, 1, 1, tzinfo=UTC)
    assert not needs_late_reason(SHIPPED, form, late)
    assert not needs_late_reason(SHIPPED, replace(entry, window=None), late)
    assert not needs_late_reason(small_plan(visit()), entry, late)


def test_a_plan_without_a_diary_has_no_entries() -> None:
    assert [slot.visit for slot in plan_slots(small_plan(visit()), {}, None, BERLIN)] == ["V1"]
    assert len(plan_slots(small_plan(visit(), DIARY), {}, None, BERLIN)) == 12
