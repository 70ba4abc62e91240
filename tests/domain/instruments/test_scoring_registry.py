"""Algorithms are found by the name that an instrument gives, and the file scorer uses the same ones."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instruments.definition import Instrument
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.responses import AnswerValue, parse_answer
from app.domain.instruments.scoring.registry import (
    ALGORITHM_NAMES,
    NO_ALGORITHM,
    find_algorithm,
    score_answers,
)
from app.domain.instruments.scoring.rows import compile_row_scorer
from app.domain.instruments.scoring.score import Score, ScoreStatus, format_score
from app.domain.refusal import BadDefinition, Refused
from tests.domain.drawn_instruments import instruments
from tests.domain.questionnaires import DIARY, ODDITY, ODDITY_TOML, QLQ_C30, REFERENCE

BURDEN_TOML = (REFERENCE / "burden/1.0/instrument.toml").read_text("utf-8")
BURDEN = parse_instrument(BURDEN_TOML, "burden/1.0/instrument.toml")
CELL = st.sampled_from([*"0123456789", *"01234", "", "", "10", "11", " 2 ", "3.0", "1.5", "NA", "x"])


def by_code(instrument: Instrument, answers: dict[str, AnswerValue], *excluded: str) -> dict[str, Score]:
    return {each.scale: each for each in score_answers(instrument, answers, frozenset(excluded))}


def read_cells(instrument: Instrument, cells: list[str]) -> dict[str, AnswerValue]:
    """The answers that cells hold; what cannot be read is missing."""
    answers: dict[str, AnswerValue] = {}
    for item, cell in zip(instrument.items, cells, strict=True):
        try:
            answers[item.code] = parse_answer(item, cell)
        except Refused:
            answers[item.code] = None
    return answers


def test_the_registry_names_what_an_instrument_may_say() -> None:
    assert ALGORITHM_NAMES == ("eortc-linear 1.0", "level-sum 1.0", "worst-of 1.0", NO_ALGORITHM)
    assert all(find_algorithm(name).name == name for name in ALGORITHM_NAMES if name != NO_ALGORITHM)
    assert score_answers(DIARY, {"any_symptom": 0}) == ()


def test_the_same_answers_are_scored_by_the_algorithm_that_the_instrument_names() -> None:
    answers: dict[str, AnswerValue] = dict.fromkeys(QLQ_C30.by_code, 2)
    answers["q5"] = 4
    other = replace(QLQ_C30, algorithm="worst-of 1.0", scales=QLQ_C30.scales[:2])
    assert by_code(QLQ_C30, answers)["PF"].value == Fraction(160, 3)
    assert by_code(other, answers)["PF"].value == 4
    assert by_code(other, answers)["PF"].algorithm == "worst-of 1.0"


@pytest.mark.req("VAL-07")
@given(st.data())
def test_rows_score_as_forms_do_whatever_the_instrument_and_its_algorithm(data: st.DataObject) -> None:
    instrument = data.draw(instruments())
    scorer = compile_row_scorer(instrument)
    size = len(instrument.items)
    for cells in data.draw(st.lists(st.lists(CELL, min_size=size, max_size=size), min_size=1, max_size=4)):
        scores = by_code(instrument, read_cells(instrument, cells))
        texts, _ = scorer.score_row(cells)
        assert scorer.score_row(cells)[0] == texts
        printed = dict(zip(scorer.columns, texts, strict=True))
        assert printed == {
            code: "" if score.value is None else format_score(score.value) for code, score in scores.items()
        }


@given(st.data())
def test_no_score_leaves_the_range_of_its_algorithm(data: st.DataObject) -> None:
    instrument = data.draw(instruments())
    algorithm = find_algorithm(instrument.algorithm)
    values = {item.code: st.none() | st.integers(item.low, item.high) for item in instrument.items}
    scores = by_code(instrument, data.draw(st.fixed_dictionaries(values)))
    for scale in instrument.scales:
        least, most = algorithm.score_range(scale)
        value, status = scores[scale.code].value, scores[scale.code].status
        assert value is None or least <= value <= most
        assert (value is None) is (status in (ScoreStatus.TOO_FEW, ScoreStatus.NOT_ADMINISTERED))


def test_the_worst_answer_stands_for_the_scale() -> None:
    scores = by_code(BURDEN, {"often": 1, "strong": 3, "hinders": None, "calm": 1, "day": 7})
    assert scores["BURDEN"].value == 3
    assert scores["BURDEN"].status == ScoreStatus.PRORATED
    assert scores["UNREST"].value == 3
    assert scores["UNREST"].status == ScoreStatus.COMPLETE
    assert scores["DAY"].value == 7
    assert scores["DAY"].answered == 1
    assert scores["WORST"].value == 3
    assert scores["WORST"].status == ScoreStatus.PRORATED


def test_conditional_items_count_only_where_applicable() -> None:
    never = by_code(BURDEN, {"often": 0, "strong": 4, "calm": None})
    assert never["BURDEN"].value == 0
    assert never["BURDEN"].asked == 1
    assert never["UNREST"].status is ScoreStatus.TOO_FEW
    assert never["WORST"].value == 0
    assert never["WORST"].asked == 2


@pytest.mark.parametrize("algorithm", ["eortc-linear 1.0", "level-sum 1.0", "worst-of 1.0"])
def test_a_scale_whose_items_the_plan_leaves_out_was_not_administered(algorithm: str) -> None:
    instrument = replace(ODDITY, algorithm=algorithm)
    scores = by_code(instrument, {"a": 2, "b": 1, "c": 0, "f": 5}, "d", "e")
    assert scores["FUN"].status is scores["EE"].status is ScoreStatus.NOT_ADMINISTERED
    assert (scores["FUN"].asked, scores["ALL"].asked) == (0, 3)
    assert (scores["MEAN"].asked, scores["MEAN"].status) == (1, ScoreStatus.TOO_FEW)


def test_items_may_be_numbered_on_from_another_instrument() -> None:
    assert [item.number for item in BURDEN.items] == [31, 32, 33, 40, 43]
    scorer = compile_row_scorer(BURDEN)
    assert scorer.columns == ("BURDEN", "UNREST", "DAY", "WORST")
    assert scorer.score_row(["0", "4", "4", "4", "x"]) == (["0", "0", "", "0"], ("day",))


def test_a_sum_of_levels_is_prorated_into_its_own_range_and_may_be_summed_again() -> None:
    instrument = replace(BURDEN, algorithm="level-sum 1.0")
    scores = by_code(instrument, {"often": 1, "strong": 3, "hinders": None, "calm": 1, "day": 7})
    assert (scores["BURDEN"].value, scores["BURDEN"].status) == (Fraction(6), ScoreStatus.PRORATED)
    assert (scores["UNREST"].value, scores["DAY"].value) == (Fraction(3), Fraction(7))
    parts = replace(BURDEN.scales[-1], parts=("BURDEN",), minimum=1)
    summed = by_code(replace(instrument, scales=(*BURDEN.scales[:3], parts)), {"often": 1, "strong": 3})
    assert (summed["WORST"].value, summed["WORST"].status) == (Fraction(6), ScoreStatus.PRORATED)
    nothing = by_code(replace(instrument, scales=(*BURDEN.scales[:3], parts)), {})
    assert (nothing["WORST"].value, nothing["WORST"].status) == (None, ScoreStatus.TOO_FEW)


@pytest.mark.parametrize("number", [43, 42, 1])
def test_numbers_of_items_rise(number: int) -> None:
    toml = BURDEN_TOML.replace("number = 43", "number = 44").replace("number = 40", "number = 43")
    with pytest.raises(BadDefinition, match="more than 43") as refused:
        parse_instrument(toml.replace("number = 44", f"number = {number}"), "f")
    assert refused.value.key == "items[4].number"


@pytest.mark.parametrize(
    ("toml", "old", "new"),
    [
        (ODDITY_TOML, "minimum = 2\nlow = 0\nhigh = 100", "minimum = 2\nlow = 0\nhigh = 99"),
        (BURDEN_TOML, 'parts = ["BURDEN", "UNREST"]', 'parts = ["BURDEN", "DAY"]'),
    ],
)
def test_a_summary_takes_the_range_that_its_parts_are_scored_in(toml: str, old: str, new: str) -> None:
    assert old in toml
    with pytest.raises(BadDefinition, match="scales that score from low = 0 to high = ") as refused:
        parse_instrument(toml.replace(old, new), "f")
    assert refused.value.key.endswith(".parts")
