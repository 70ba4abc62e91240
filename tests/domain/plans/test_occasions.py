"""Two open forms of one instrument never read the same, and neither arm nor illness is told."""

from datetime import date
from itertools import groupby
from pathlib import Path

import pytest

from app.domain.plans.occasions import FormOccasion, find_occasion
from app.domain.plans.parsing import parse_plan
from app.domain.plans.plan import Plan
from app.domain.plans.windows import Unit
from app.domain.refusal import BadDefinition
from tests.domain.trial import SHIPPED, repeated_visit, small_plan, visit

PLANS = Path(__file__).parents[3] / "questionnaires" / "plans"
DAY = date(2026, 10, 12)


def occasion(plan: Plan, code: str, instrument: str = "short") -> FormOccasion:
    return find_occasion(plan, instrument, code, "en", DAY, None)


def test_shipped_visits_are_named_by_week_and_others_by_day() -> None:
    names = {
        code: occasion(SHIPPED, code, "qlq-c30") for code in ("BL", "W6", "W12", "EOT", "ET", "UNS-1", "BL-1")
    }
    on = FormOccasion(day=DAY)
    assert names == {
        "BL": FormOccasion(unit=Unit.days),
        "W6": FormOccasion(unit=Unit.weeks, number=6),
        "W12": FormOccasion(unit=Unit.weeks, number=12),
        **dict.fromkeys(("EOT", "ET", "UNS-1", "BL-1"), on),
    }
    assert find_occasion(SHIPPED, "symptom-diary", "D3", "en", None, DAY) == on


@pytest.mark.parametrize("file", sorted(PLANS.rglob("*.toml")), ids=lambda file: file.stem)
def test_the_dated_visits_of_a_plan_differ_in_every_language(file: Path) -> None:
    plan = parse_plan(file.read_text("utf-8"), file.name)
    points = [
        (used.id, language, find_occasion(plan, used.id, rule.code_of(offset), language, None, None))
        for used in plan.instruments
        for language in plan.languages
        for rule in plan.visits
        if used.id in rule.instruments
        for offset in rule.offsets
    ]
    named = [each for each in points if each[2] != FormOccasion()]
    assert named
    assert all(len(list(same)) == 1 for _, same in groupby(sorted(named, key=repr)))


def test_visits_with_equal_names_are_named_by_day() -> None:
    words = small_plan(
        visit("A1", arms='["A"]', occasion='{ en = "After treatment" }'),
        visit("B1", arms='["B"]', occasion='{ en = "After treatment" }'),
        repeated_visit("M{n}", 1, 2, 1, "months", series='"long"', occasion='{ en = "Month {n} at home" }'),
    )
    assert occasion(words, "A1") == occasion(words, "B1") == FormOccasion(words="After treatment")
    assert occasion(words, "M2").words == "Month 2 at home"
    alike = small_plan(
        visit("V1"),
        visit("X1", series='"other"', anchor='"enrolment"'),
        visit("S1", series='"late"', anchor='"surgery"', anchoring='"event"'),
    )
    assert {occasion(alike, code) for code in ("V1", "X1", "S1")} == {FormOccasion(day=DAY)}
    apart = small_plan(visit("A1", arms='["A"]'), visit("B1", arms='["B"]'))
    assert occasion(apart, "A1") == occasion(apart, "B1") == FormOccasion(unit=Unit.weeks, number=1)


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        ([visit(occasion='{ en = "Week {n}" }')], "visits[0].occasion"),
        ([repeated_visit("M{n}", 1, 2, 1, "months", occasion='{ en = "Later" }')], "visits[0].occasion"),
        (
            [
                visit("V1", occasion='{ en = "Later" }'),
                visit("V3", offset="3", instruments='["long", "short"]', occasion='{ en = "Later" }'),
            ],
            "visits[1].occasion",
        ),
        ([visit(occasion='{ de = "Woche 1" }')], "visits[0].occasion"),
    ],
)
def test_words_that_tell_no_visits_apart_are_refused(parts: list[str], key: str) -> None:
    with pytest.raises(BadDefinition) as bad:
        small_plan(*parts)
    assert bad.value.key.startswith(key)
