"""Dates that can be true: their order and range are the plan's, and a plan that can never run is refused."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.plans.anchor_order import check_date_range, find_contradictions, kinds_before
from app.domain.plans.parsing import parse_plan
from app.domain.refusal import BadDefinition, Refused
from tests.domain.trial import HEAD, SHIPPED, anchor_dates, small_plan

DRAFT = Path(__file__).parents[3] / "questionnaires/plans/sbrt-nsclc/1.1.toml"
PLAN = parse_plan(DRAFT.read_text(encoding="utf-8"), DRAFT.name)
TODAY = date(2026, 3, 2)
CIRCLE = """{ kind = "randomisation", owner = "edc", after = ["surgery"] },
  { kind = "surgery", after = ["randomisation"], """
KINDS = [kind for kind in PLAN.anchor_kinds if kind != "treatment_withdrawal"]


def ordered(*changes: tuple[str, str]) -> str:
    head = HEAD
    for old, new in changes:
        assert old in head
        head = head.replace(old, new)
    return head


@given(st.dictionaries(st.sampled_from(KINDS), st.dates(date(2026, 1, 1), date(2026, 1, 9))))
def test_dates_contradict_exactly_where_one_is_earlier_than_what_comes_before_it(
    dates: dict[str, date],
) -> None:
    contradictions = {
        (each.later.kind, each.earlier.kind) for each in find_contradictions(PLAN, anchor_dates(**dates))
    }
    expected = {
        (kind, before)
        for kind in dates
        for before in kinds_before(PLAN, kind)
        if before in dates and dates[kind] < dates[before]
    }
    assert contradictions == expected


def test_order_holds_through_dates_that_are_not_known() -> None:
    assert set(kinds_before(PLAN, "sbrt_end")) == {"sbrt_start", "randomisation", "enrolment"}
    assert kinds_before(PLAN, "enrolment") == ()
    assert kinds_before(PLAN, "treatment_withdrawal") == ("enrolment",)
    assert (kinds_before(PLAN, "systemic_start"), kinds_before(PLAN, "systemic_end")) == (
        (), ("systemic_start",),
    )  # fmt: skip
    assert kinds_before(SHIPPED, "progression") == ("enrolment",)  # 1.0 orders no dates
    (contradictions,) = find_contradictions(
        PLAN, anchor_dates(randomisation=TODAY, sbrt_end=TODAY - timedelta(days=1))
    )
    assert (contradictions.later.kind, contradictions.earlier.kind) == ("sbrt_end", "randomisation")


def test_a_date_that_is_reached_on_two_ways_comes_before_once() -> None:
    twice = [
        replace(each, after=("sbrt_start", "randomisation")) if each.kind == "sbrt_end" else each
        for each in PLAN.anchors
    ]
    assert sorted(kinds_before(replace(PLAN, anchors=tuple(twice)), "sbrt_end")) == [
        "enrolment", "randomisation", "sbrt_start",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("on", "code"),
    [
        (date(1026, 3, 2), "date_out_of_range"),
        (date(1990, 1, 1), "date_out_of_range"),
        (date.min, "date_out_of_range"),
        (TODAY + timedelta(days=1), "date_in_future"),
        (date.max, "date_in_future"),
    ],
)
def test_a_day_outside_the_study_is_refused(on: date, code: str) -> None:
    with pytest.raises(Refused) as refused:
        check_date_range(PLAN, "sbrt_start", on, TODAY)
    assert refused.value.code == code


def test_the_first_day_and_today_can_be() -> None:
    check_date_range(PLAN, "sbrt_start", PLAN.first_date, TODAY)
    check_date_range(PLAN, "sbrt_start", TODAY, TODAY)


def test_a_plan_may_let_a_date_be_planned_and_end_the_study() -> None:
    head = ordered(
        (
            '{ kind = "surgery", owner = "site"',
            '{ kind = "surgery", owner = "site", planned = true, after = ["randomisation"]',
        ),
        ("participants = 10", "participants = 10\nfirst_date = 2025-01-01\nlast_date = 2027-12-31"),
    )
    plan = small_plan(head=head)
    check_date_range(plan, "surgery", date(2027, 12, 31), TODAY)
    for kind, on in (("surgery", date(2028, 1, 1)), ("surgery", date(2024, 12, 31))):
        with pytest.raises(Refused, match="date_out_of_range"):
            check_date_range(plan, kind, on, TODAY)
    with pytest.raises(Refused, match="date_in_future"):
        check_date_range(plan, "randomisation", TODAY + timedelta(days=1), TODAY)
    endless = small_plan(head=head.replace("\nlast_date = 2027-12-31", ""))
    check_date_range(endless, "surgery", date(2040, 1, 1), TODAY)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (('kind = "enrolment"', 'kind = "arrival"'), "anchors"),
        (('{ kind = "enrolment", ', '{ kind = "enrolment", after = ["surgery"], '), "anchors[0].after"),
        (('{ kind = "surgery", ', '{ kind = "surgery", after = ["surgery"], '), "anchors[2].after"),
        (('{ kind = "surgery", ', '{ kind = "surgery", after = ["nothing"], '), "anchors[2].after"),
        (
            (
                '{ kind = "randomisation", owner = "edc" },\n  { kind = "surgery", ',
                CIRCLE,
            ),
            "anchors[1].after",
        ),
        (("participants = 10", "participants = 10\nlast_date = 1999-12-31"), "last_date"),
        (("participants = 10", 'participants = 10\ncontradictions = "ignore"'), "contradictions"),
    ],
)
def test_a_plan_that_can_never_run_is_refused_with_the_reason(change: tuple[str, str], key: str) -> None:
    with pytest.raises(BadDefinition) as bad:
        small_plan(head=ordered(change))
    assert bad.value.key == key
