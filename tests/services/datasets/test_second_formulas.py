"""The second computation of scores: each algorithm has a formula of its own there, and both agree."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instruments.definition import Direction, Scale, ScaleKind
from app.domain.instruments.scoring.registry import ALGORITHM_NAMES, NO_ALGORITHM, find_algorithm
from app.domain.instruments.scoring.score import ScaleScore, ScoreStatus
from app.services.datasets.recheck.second_formulas import SECOND_FORMULAS, compute_again

ITEMS = ("a", "b", "c", "d")


@st.composite
def scales(draw: st.DrawFn, *, of_parts: bool) -> Scale:
    """A scale of one to four items, or parts, some of them turned round."""
    codes = ITEMS[: draw(st.integers(1, len(ITEMS)))]
    low = draw(st.integers(0, 2))
    return Scale(
        code="S",
        name="Scale",
        kind=draw(st.sampled_from(ScaleKind)),
        items=() if of_parts else codes,
        parts=codes if of_parts else (),
        reversed=frozenset(code for code in codes if draw(st.booleans())),
        minimum=draw(st.integers(1, len(codes))),
        low=low,
        high=low + draw(st.integers(1, 10)),
        better=Direction.HIGHER,
        cdisc=None,
    )


def test_every_registered_algorithm_has_a_second_formula() -> None:
    assert {*SECOND_FORMULAS} == {*ALGORITHM_NAMES} - {NO_ALGORITHM}


@pytest.mark.req("REP-05")
@pytest.mark.parametrize("name", SECOND_FORMULAS)
@given(scale=scales(of_parts=False), data=st.data())
def test_both_computations_agree_on_items(name: str, scale: Scale, data: st.DataObject) -> None:
    answer = st.none() | st.integers(scale.low, scale.high)
    answers = {code: data.draw(answer) for code in scale.items}
    values = {code: Fraction(value) for code, value in answers.items() if value is not None}
    assert compute_again(name, scale, values) == find_algorithm(name).score_items(scale, answers).value


@pytest.mark.parametrize("name", SECOND_FORMULAS)
@given(scale=scales(of_parts=True), data=st.data())
def test_both_computations_agree_on_parts(name: str, scale: Scale, data: st.DataObject) -> None:
    value = st.none() | st.fractions(scale.low, scale.high, max_denominator=12)
    values = {code: data.draw(value) for code in scale.parts}
    parts = [
        ScaleScore(None, 1, 0, 1, ScoreStatus.TOO_FEW)
        if each is None
        else ScaleScore(*each.as_integer_ratio(), 1, 1, ScoreStatus.COMPLETE)
        for each in values.values()
    ]
    known = {code: each for code, each in values.items() if each is not None}
    assert compute_again(name, scale, known) == find_algorithm(name).score_parts(scale, parts).value
