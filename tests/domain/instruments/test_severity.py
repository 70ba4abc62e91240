"""How bad a symptom is: four grades, alike for rows of any length."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instruments.responses import NOT_TICKED, OPEN, without_unasked
from app.domain.instruments.severity import Severity, find_worst, has_severity, list_severities
from tests.domain.questionnaires import shipped_instrument

DIARY, LISTED = shipped_instrument("symptom-diary/1.0"), shipped_instrument("symptom-diary/1.1")


@pytest.mark.parametrize(
    ("high", "grades"),
    [(10, [0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3]), (4, [0, 1, 2, 3, 3]), (3, [0, 2, 3, 3])],
)
def test_grades_of_a_row(high: int, grades: list[int]) -> None:
    assert [Severity("x", value, high).grade for value in range(high + 1)] == grades


@given(st.integers(3, 20).flatmap(lambda high: st.tuples(st.just(high), st.integers(0, high))))
def test_a_grade_follows_the_share_alone(drawn: tuple[int, int]) -> None:
    high, value = drawn
    one = Severity("x", value, high)
    assert one.grade == Severity("x", value * 3, high * 3).grade
    assert (one.grade == 0) is (value == 0)
    assert (one.grade == 3) is (one.share > Fraction(6, 10))


def test_symptoms_are_items_that_begin_with_none() -> None:
    symptoms = {item.code for item in DIARY.items if has_severity(item)}
    assert {"pain", "vomiting"} <= symptoms
    assert not symptoms & {"any_symptom", "fever", "temperature", "other"}


def test_a_day_without_symptoms_says_none_of_each() -> None:
    said = list_severities(DIARY, {"any_symptom": 0}, {"other", "rash"})
    assert {each.value for each in said.values()} == {0}
    assert "rash" not in said
    assert find_worst(said.values()) == said["fatigue"]


def test_what_is_not_ticked_has_no_severity() -> None:
    assert list_severities(LISTED, without_unasked(LISTED, {"any_symptom": 0})) == {}
    some = dict.fromkeys(item.code for item in LISTED.items) | {
        "any_symptom": 1,
        "pain": 0,
        "sleep": NOT_TICKED,
    }
    assert set(list_severities(LISTED, some)) == {"pain"}


@given(st.data())
def test_the_worst_of_a_day_is_that_of_the_answers_with_a_value(data: st.DataObject) -> None:
    """A row left blank, not ticked, or ticked and not answered takes no part."""
    graded = [item for item in LISTED.items if has_severity(item)]
    none = st.sampled_from((None, NOT_TICKED, OPEN))
    said = {item.code: data.draw(none | st.integers(0, item.high), item.code) for item in graded}
    worst = find_worst(list_severities(LISTED, {"any_symptom": 1, **said}).values())
    valued = {code: value for code, value in said.items() if value is not None and value >= 0}
    assert worst == find_worst(list_severities(LISTED, {"any_symptom": 1, **valued}).values())
    if worst is not None:
        assert valued[worst.item] == worst.value
        assert all(
            Fraction(valued[each.code], each.high) <= worst.share for each in graded if each.code in valued
        )


def test_a_severity_names_the_end_of_a_row_that_is_not_the_usual_one() -> None:
    assert (Severity("pain", 7, 10).text, Severity("vomiting", 3, 4).text) == ("7", "3/4")


def test_blank_answers_have_no_severity() -> None:
    said = list_severities(DIARY, {"any_symptom": 1, "pain": None, "fatigue": 6, "vomiting": 3})
    assert set(said) == {"fatigue", "vomiting"}
    assert find_worst(said.values()) == Severity("vomiting", 3, 4)
    assert find_worst([]) is None
