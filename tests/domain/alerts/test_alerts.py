"""Which answers alert, in which order staff deal with an alert, and what a plan may say of both."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.definitions.alert_rules import check_alert_rules
from app.domain.alerts.handling import (
    AlertState,
    check_acknowledgement,
    check_alert_act,
    deadline_of,
    derive_alert_state,
    escalates_at,
    parse_closing_note,
)
from app.domain.alerts.rules import AlertRule, find_triggered_rules
from app.domain.instruments.definition import Comparison
from app.domain.instruments.scoring.registry import score_answers
from app.domain.instruments.scoring.score import serialise_score
from app.domain.refusal import BadDefinition, Refused
from tests.domain.questionnaires import QLQ_C30
from tests.domain.trial import HEAD, plan_fault, small_plan, visit
from tests.scenarios.alerts import PAIN, RULES, SCORE
from tests.scenarios.people import START, library, qlq

NOBODY = 'monitoring = { kind = "none", reason = { en = "Nobody watches." } }\n'
RULE = (
    '{ code = "worst", instrument = "short", item = "a", op = ">=", value = 4, tell = ["nurse"], '
    'within_hours = 24, escalate_to = ["investigator"], label = { en = "The worst" } }'
)
WATCHED = HEAD.replace(
    NOBODY,
    f'monitoring = {{ kind = "alerts", out_of_hours = {{ en = "At night nobody." }}, rules = [{RULE}] }}\n',
)
PLAN = library().get_plan("sbrt-nsclc", "1.0")


def judge(answers: Mapping[str, Any], *rules: AlertRule, instrument: str = "qlq-c30") -> list[str]:
    scores = [serialise_score(each) for each in score_answers(QLQ_C30, answers)]
    return [rule.code for rule in find_triggered_rules(rules, instrument, answers, scores)]


@pytest.mark.req("ALR-01", "ALR-04")
def test_answers_and_scores_alert_and_nothing_else_is_known_of_the_form() -> None:
    assert judge(qlq(2) | {"q9": 4}, *RULES) == ["pain"]
    assert judge(qlq(4), *RULES) == ["pain", "sleep", "pain_score"]
    assert judge(qlq(4), *RULES, instrument="symptom-diary") == []
    for value in (3, None, "4"):
        assert judge(qlq(2), PAIN) == []
        assert find_triggered_rules([PAIN], "qlq-c30", {"q9": value}, []) == ()
    assert judge(qlq(2) | {"q9": None, "q19": None}, replace(SCORE, op=Comparison.AT_MOST)) == []
    assert judge(qlq(1), replace(SCORE, op=Comparison.AT_MOST, value=0)) == ["pain_score"]
    # q9 = 4 and q19 = 3: (3.5 - 1) / 3 = 83.33, which is not 83
    assert judge(qlq(2) | {"q9": 4, "q19": 3}, replace(SCORE, value=83)) == ["pain_score"]
    assert judge(qlq(2) | {"q9": 4, "q19": 3}, replace(SCORE, value=83, op=Comparison.EQUAL)) == []
    assert list(inspect.signature(find_triggered_rules).parameters) == [
        "rules",
        "instrument",
        "answers",
        "scores",
    ]


@pytest.mark.req("ALR-03")
def test_an_alert_is_acknowledged_then_acted_on_then_closed() -> None:
    assert derive_alert_state(None, 0, None) is AlertState.waiting
    assert derive_alert_state(START, 0, None) is AlertState.acknowledged
    assert derive_alert_state(START, 2, None) is AlertState.acted
    assert derive_alert_state(START, 2, START) is AlertState.closed
    check_acknowledgement(AlertState.waiting)
    assert (
        check_alert_act(AlertState.acted, "called", " spoke to the daughter ").note == "spoke to the daughter"
    )
    assert parse_closing_note(AlertState.acted, " ") == ""
    assert parse_closing_note(AlertState.acted, "seen on 2026-03-02") == "seen on 2026-03-02", "no telephone"


REFUSALS: list[tuple[str, Callable[[], object]]] = [
    ("alert_acknowledged", lambda: check_acknowledgement(AlertState.acted)),
    ("alert_not_acknowledged", lambda: check_alert_act(AlertState.waiting, "called", "")),
    ("alert_closed", lambda: check_alert_act(AlertState.closed, "called", "")),
    ("alert_action", lambda: check_alert_act(AlertState.acknowledged, "danced", "")),
    ("alert_note", lambda: check_alert_act(AlertState.acknowledged, "nothing_needed", " ")),
    ("identifying_words", lambda: check_alert_act(AlertState.acknowledged, "other", "13812345678")),
    ("alert_closed", lambda: parse_closing_note(AlertState.closed, "")),
    ("alert_not_acted", lambda: parse_closing_note(AlertState.acknowledged, "")),
    ("identifying_words", lambda: parse_closing_note(AlertState.acted, "a@example.org")),
]


@pytest.mark.parametrize(("code", "act"), REFUSALS)
def test_another_order_and_notes_that_say_too_much_are_refused(code: str, act: Callable[[], object]) -> None:
    with pytest.raises(Refused) as why:
        act()
    assert why.value.code == code


def test_hours_are_counted_by_the_clock() -> None:
    assert deadline_of(PAIN, START) == START + timedelta(hours=24)
    assert escalates_at(PAIN, START) == START + timedelta(hours=48)


@pytest.mark.req("ALR-01")
def test_a_plan_watches_by_rules_or_says_why_nobody_does() -> None:
    plan = small_plan(head=WATCHED)
    (rule,) = plan.alert_rules
    assert (plan.monitoring, plan.alert_hours, plan.monitoring_reason) == ("alerts", 24, {})
    assert (rule.escalate_after_hours, plan.out_of_hours["en"]) == (24, "At night nobody.")
    assert (plan.find_alert_rule("worst"), plan.find_alert_rule("best")) == (rule, None)
    assert (PLAN.monitoring, PLAN.alert_rules, PLAN.alert_hours) == ("none", (), 0)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        (f"rules = [{RULE}]", "rules = []", "monitoring.rules"),
        ("out_of_hours", "at_night", "monitoring.out_of_hours"),
        ('item = "a"', 'item = "a", scale = "B"', "monitoring.rules[0].item"),
        ('item = "a", ', "", "monitoring.rules[0].item"),
        ('["nurse"]', '["monitor"]', "monitoring.rules[0].tell"),
        ('["nurse"]', "[]", "monitoring.rules[0].tell"),
        ("within_hours = 24", "within_hours = 0", "monitoring.rules[0].within_hours"),
        ('instrument = "short"', 'instrument = "other"', "monitoring.rules[0].instrument"),
        (RULE, f"{RULE}, {RULE}", "monitoring.rules"),
        ('label = { en = "The worst" }', 'colour = "red"', "monitoring.rules[0].label"),
    ],
)
def test_bad_rules_are_refused_by_key(old: str, new: str, key: str) -> None:
    assert old in WATCHED
    assert plan_fault(visit(), head=WATCHED.replace(old, new)).key == key


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        (replace(PAIN, item="q99"), "item"),
        (replace(PAIN, item="other", instrument="symptom-diary"), "item"),
        (replace(PAIN, value=5), "value"),
        (replace(SCORE, scale="XX"), "scale"),
        (replace(SCORE, value=101), "value"),
    ],
)
def test_a_rule_that_no_answer_could_meet_is_refused(rule: AlertRule, key: str) -> None:
    with pytest.raises(BadDefinition) as bad:
        check_alert_rules(replace(PLAN, alert_rules=(PAIN, rule)), "p.toml", library().instruments)
    assert bad.value.key == f"monitoring.rules[1].{key}"
