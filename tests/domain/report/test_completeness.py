"""The two rates by their golden case and by laws, and the bins of what is spread out."""

from collections.abc import Iterable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.plans.plan import DiaryPhase, DiaryRule
from app.domain.plans.status import Status
from app.domain.plans.windows import Unit
from app.domain.records.dispositions import DispositionKind
from app.domain.report.completeness import (
    EXITS,
    FormFacts,
    RateRules,
    RuleSet,
    is_expected,
    is_valid,
)
from app.domain.report.ledger import FormOutcome, LedgerForm, RateFigure, counts_for
from app.domain.report.spreads import (
    CompletionTime,
    DaysFromTarget,
    bin_days,
    bin_minutes,
    diary_weeks,
    find_median,
    week_of,
)

BOTH = frozenset(RuleSet)
SECOND = frozenset({RuleSet.second})
GOLDEN = (
    FormFacts(exited=BOTH),
    FormFacts(exited=BOTH),
    FormFacts(exited=SECOND),
    FormFacts(submitted=True, scorable=True, late=True),
    FormFacts(),
    FormFacts(submitted=True),
    *(FormFacts(submitted=True, scorable=True) for _normal in range(4)),
)


def count(forms: Iterable[FormFacts], rules: RateRules) -> dict[RateFigure, int]:
    """How many of these forms make each count."""
    counted = [LedgerForm(Status.missed, form) for form in forms]
    return {figure: sum(counts_for(form, figure, rules) for form in counted) for figure in RateFigure}


@pytest.mark.req("REP-02", "REP-03")
@pytest.mark.parametrize(
    ("rules", "expected", "valid"),
    [
        (RateRules(RuleSet.first), 8, 4),
        (RateRules(RuleSet.second), 7, 4),
        (RateRules(RuleSet.first, late_counts=True), 8, 5),
        (RateRules(RuleSet.second, late_counts=True), 7, 5),
    ],
)
def test_the_golden_case_gives_all_four_rows(rules: RateRules, expected: int, valid: int) -> None:
    assert count(GOLDEN, rules) == {
        RateFigure.population: 10, RateFigure.expected: expected, RateFigure.valid: valid,
        RateFigure.valid_expected: valid,
    }  # fmt: skip


@pytest.mark.req("REP-03")
def test_each_rule_set_names_its_exits() -> None:
    assert EXITS[RuleSet.second] - EXITS[RuleSet.first] == {DispositionKind.lost}
    assert {DispositionKind.death, DispositionKind.withdrew_questionnaires} <= EXITS[RuleSet.first]
    assert not EXITS[RuleSet.second] & {DispositionKind.completed, DispositionKind.withdrew_treatment}


@pytest.mark.req("REP-03")
def test_a_valid_form_in_its_window_is_expected_whatever_follows() -> None:
    died = frozenset(RuleSet)
    answered = FormFacts(exited=died, submitted=True, scorable=True)
    assert is_expected(answered, RuleSet.first)
    assert not is_expected(FormFacts(exited=died, submitted=True, scorable=True, late=True), RuleSet.first)
    assert not is_expected(FormFacts(exited=died, submitted=True), RuleSet.first)
    assert is_expected(FormFacts(), RuleSet.first)  # missed or excused: only exits end that it is expected
    assert not is_expected(FormFacts(closed=False, submitted=True, scorable=True), RuleSet.first)


FACTS = st.builds(
    FormFacts,
    in_population=st.booleans(),
    closed=st.booleans(),
    exited=st.sampled_from([frozenset(), {RuleSet.second}, frozenset(RuleSet)]).map(frozenset),
    submitted=st.booleans(),
    late=st.booleans(),
    scorable=st.booleans(),
)
RULES = st.builds(RateRules, st.sampled_from(RuleSet), st.booleans())


@pytest.mark.req("REP-02", "REP-03")
@given(st.lists(FACTS, max_size=12), RULES)
def test_rates_never_exceed_their_denominators(forms: list[FormFacts], rules: RateRules) -> None:
    counted = count(forms, rules)
    population, valid = counted[RateFigure.population], counted[RateFigure.valid]
    assert population == sum(form.in_population for form in forms)
    assert counted[RateFigure.valid_expected] <= counted[RateFigure.expected] <= population
    assert counted[RateFigure.valid_expected] <= valid <= population


@pytest.mark.req("REP-03")
@given(FACTS)
def test_rules_that_count_more_expect_no_fewer(form: FormFacts) -> None:
    assert is_expected(form, RuleSet.first) >= is_expected(form, RuleSet.second)
    assert is_valid(form, late_counts=True) >= is_valid(form)


@pytest.mark.req("REP-01")
@pytest.mark.parametrize(
    ("form", "outcome"),
    [
        (LedgerForm(Status.submitted, FormFacts(submitted=True)), FormOutcome.on_time),
        (LedgerForm(Status.submitted, FormFacts(submitted=True, late=True)), FormOutcome.late),
        (LedgerForm(Status.missed, FormFacts(), "technical"), FormOutcome.missed_with_reason),
        (LedgerForm(Status.missed, FormFacts()), FormOutcome.missed_without_reason),
        (LedgerForm(Status.excused, FormFacts()), FormOutcome.excused),
        (LedgerForm(Status.not_expected, FormFacts()), FormOutcome.not_expected),
        (LedgerForm(Status.in_progress, FormFacts()), FormOutcome.open),
        (LedgerForm(Status.waiting, FormFacts()), FormOutcome.ahead),
        (LedgerForm(Status.planned, FormFacts()), FormOutcome.ahead),
    ],
)
def test_every_form_has_one_outcome(form: LedgerForm, outcome: FormOutcome) -> None:
    assert form.outcome is outcome


@pytest.mark.parametrize(
    ("days", "late", "expected"),
    [
        (-4, False, DaysFromTarget.much_earlier),
        (-3, False, DaysFromTarget.earlier),
        (0, False, DaysFromTarget.on_target),
        (3, False, DaysFromTarget.later),
        (4, False, DaysFromTarget.much_later),
        (0, True, DaysFromTarget.after_closing),
    ],
)
def test_days_from_the_target_are_binned(days: int, late: bool, expected: DaysFromTarget) -> None:
    assert bin_days(days, late) is expected


def test_minutes_are_binned_and_have_a_median() -> None:
    assert [bin_minutes(minutes) for minutes in (4, 5, 15, 60)] == list(CompletionTime)
    assert find_median({}) is None
    assert find_median({3: 1, 9: 1}) == 3
    assert find_median({3: 1, 9: 2}) == 9


def test_weeks_begin_on_monday_and_diary_entries_have_a_study_week() -> None:
    assert week_of(date(2026, 3, 8)) == date(2026, 3, 2) == week_of(date(2026, 3, 2))
    phases = (DiaryPhase("D{n}", Unit.days, (0, 6, 7)), DiaryPhase("DW{n}", Unit.weeks, (13,)))
    rule = DiaryRule("symptom-diary", "diary", "randomisation", phases, 2, 1, 1)
    assert diary_weeks(rule) == {"D0": 0, "D6": 0, "D7": 1, "DW13": 13}
    assert diary_weeks(None) == {}
