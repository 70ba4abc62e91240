"""Scores against an independent program, an oracle of another shape, and by property."""

import csv
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instruments.definition import Instrument, Scale, ScaleKind
from app.domain.instruments.responses import AnswerValue, ValidAnswers
from app.domain.instruments.scoring.registry import score_answers, serialise_scores
from app.domain.instruments.scoring.score import (
    Score,
    ScoreStatus,
    change_from_baseline,
    format_score,
    round_printed_score,
    serialise_score,
)
from app.domain.refusal import Refused
from tests.domain.questionnaires import ODDITY, QLQ_C30, QUESTIONNAIRES, reference_rows

TOLERANCE = Fraction(1, 10**9)
SMALL = [scale for scale in QLQ_C30.scales if scale.items]


def by_code(instrument: Instrument, answers: dict[str, AnswerValue]) -> dict[str, Score]:
    return {each.scale: each for each in score_answers(instrument, answers)}


def read_answers(row: dict[str, str]) -> dict[str, AnswerValue]:
    return {f"q{n}": int(row[f"q{n}"]) if row[f"q{n}"] else None for n in range(1, 31)}


def agrees(score: Score, expected: str) -> bool:
    if score.value is None or not expected:
        return score.value is None and not expected
    return abs(score.value - Fraction(expected)) <= TOLERANCE


@pytest.mark.req("VAL-07", "REP-05")
def test_every_reference_row_agrees_with_the_independent_program() -> None:
    compared = 0
    for row, expected in reference_rows():
        for code, score in by_code(QLQ_C30, read_answers(row)).items():
            assert agrees(score, expected[code]), (row["row"], code, score, expected[code])
            compared += 1
    assert compared == 1201 * 16


@pytest.mark.req("VAL-07")
def test_the_golden_file_agrees() -> None:
    with (QUESTIONNAIRES / "qlq-c30/3.0/golden.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        for code, score in by_code(QLQ_C30, read_answers(row)).items():
            assert agrees(score, row[code]), (row["row"], code)


def oracle(scale: Scale, values: tuple[int | None, ...]) -> Fraction | None:
    """Each answer on its own from 0 to 100, then the mean: another route to the same rule."""
    shares = [Fraction(100 * (value - scale.low), scale.high - scale.low) for value in values if value]
    if 2 * len(shares) < len(values):
        return None
    if scale.kind is ScaleKind.FUNCTIONAL:
        shares = [100 - share for share in shares]
    return sum(shares, Fraction()) / len(shares)


@pytest.mark.req("VAL-07", "REP-05")
@pytest.mark.parametrize("scale", SMALL, ids=[scale.code for scale in SMALL])
def test_every_pattern_of_a_scale_agrees_with_an_oracle(scale: Scale) -> None:
    alone = with_one_scale(scale)
    for values in product((None, *range(scale.low, scale.high + 1)), repeat=len(scale.items)):
        score = score_answers(alone, dict(zip(scale.items, values, strict=True)))[0]
        answered = len(values) - values.count(None)
        assert score.value == oracle(scale, values), values
        assert (score.answered, score.asked) == (answered, len(values))
        assert score.status is expected_status(answered, len(values))


def with_one_scale(scale: Scale) -> Instrument:
    items = tuple(QLQ_C30.get_item(code) for code in scale.items)
    whole = QLQ_C30
    return Instrument(
        id=whole.id,
        version=whole.version,
        name=whole.name,
        licensed=True,
        algorithm=whole.algorithm,
        cdisc=None,
        items=items,
        scales=(scale,),
        recalls=whole.recalls,
        labels=whole.labels,
        sha256="",
    )


def expected_status(answered: int, size: int) -> ScoreStatus:
    if answered == size:
        return ScoreStatus.COMPLETE
    return ScoreStatus.PRORATED if 2 * answered >= size else ScoreStatus.TOO_FEW


@pytest.mark.req("REP-05")
@pytest.mark.parametrize(
    ("items", "code", "scored"),
    [
        (("q29",), "QL", True),
        (("q21", "q22"), "EF", True),
        (("q21",), "EF", False),
        (("q1", "q2"), "PF", False),
        (("q1", "q2", "q3"), "PF", True),
        (("q10",), "FA", False),
        (("q10", "q18"), "FA", True),
    ],
)
def test_half_of_the_items_is_enough_and_less_is_not(items: tuple[str, ...], code: str, scored: bool) -> None:
    score = by_code(QLQ_C30, dict.fromkeys(items, 2))[code]
    assert (score.value is not None) is scored
    assert score.status is (ScoreStatus.PRORATED if scored else ScoreStatus.TOO_FEW)


FORMS = st.fixed_dictionaries(
    {item.code: st.none() | st.integers(item.low, item.high) for item in QLQ_C30.items}
)


@pytest.mark.req("CAP-18")
@given(FORMS)
def test_scores_lie_within_bounds_and_leave_the_answers_alone(answers: dict[str, AnswerValue]) -> None:
    before = dict(answers)
    first, again = score_answers(QLQ_C30, answers), score_answers(QLQ_C30, answers)
    assert answers == before
    assert first == again
    assert [score.scale for score in first] == [scale.code for scale in QLQ_C30.scales]
    for score in first:
        assert (score.instrument, score.version, score.algorithm) == ("qlq-c30", "3.0", "eortc-linear 1.0")
        assert (score.value is None) is (score.status is ScoreStatus.TOO_FEW)
        assert score.value is None or 0 <= score.value <= 100


@pytest.mark.req("REP-05")
@given(FORMS)
def test_the_summary_needs_all_thirteen(answers: dict[str, AnswerValue]) -> None:
    scores = by_code(QLQ_C30, answers)
    good = [scores[code].value for code in ("PF", "RF", "EF", "CF", "SF")]
    bad = [scores[code].value for code in ("FA", "NV", "PA", "DY", "SL", "AP", "CO", "DI")]
    there = [value for value in good if value is not None]
    there += [100 - value for value in bad if value is not None]
    summary = scores["SUM"]
    assert summary.answered == len(there)
    assert summary.asked == 13
    if len(there) < 13:
        assert summary.value is None
    else:
        assert summary.value == sum(there) / 13


def test_a_summary_of_prorated_scales_says_so() -> None:
    answers: dict[str, AnswerValue] = {item.code: 2 for item in QLQ_C30.items}
    assert by_code(QLQ_C30, answers)["SUM"].status is ScoreStatus.COMPLETE
    assert by_code(QLQ_C30, {**answers, "q1": None})["SUM"].status is ScoreStatus.PRORATED
    assert by_code(QLQ_C30, {**answers, "q8": None})["SUM"].status is ScoreStatus.TOO_FEW


def test_minimum_range_reversal_and_conditions_are_data() -> None:
    scores = by_code(ODDITY, {"a": 4, "b": 1, "c": 4, "d": 2, "e": 3, "f": 7})
    assert {code: each.value for code, each in scores.items()} == {
        "ALL": Fraction(500, 12),
        "FUN": 25,
        "EE": 100,
        "TEN": 70,
        "MEAN": (100 - Fraction(500, 12) + 25 + 100) / 3,
    }
    assert all(each.status is ScoreStatus.COMPLETE for each in scores.values())


def test_two_of_three_may_be_too_few() -> None:
    score = by_code(ODDITY, {"a": 4, "b": None, "c": 4, "d": 2})["ALL"]
    assert (score.value, score.answered, score.asked, score.status) == (None, 2, 3, ScoreStatus.TOO_FEW)


def test_inapplicable_items_do_not_count() -> None:
    scores = by_code(ODDITY, {"a": 0, "b": 4, "c": 0, "d": 1, "e": 3, "f": None})
    assert (scores["ALL"].answered, scores["ALL"].asked, scores["ALL"].value) == (2, 2, None)
    assert (scores["FUN"].answered, scores["FUN"].asked, scores["FUN"].value) == (1, 1, Fraction(100))
    assert (scores["EE"].asked, scores["EE"].status) == (0, ScoreStatus.NOT_ADMINISTERED)
    assert (scores["MEAN"].answered, scores["MEAN"].asked) == (1, 2)
    assert scores["TEN"].status is ScoreStatus.TOO_FEW


@pytest.mark.parametrize(("answers", "code"), [({"q1": 5}, "out_of_range"), ({"zz": 1}, "unknown_item")])
def test_answers_that_cannot_be_are_refused(answers: dict[str, AnswerValue], code: str) -> None:
    with pytest.raises(Refused, match=code):
        score_answers(QLQ_C30, answers)


def test_valid_answers_are_scored_without_a_second_look() -> None:
    answers: dict[str, AnswerValue] = {"q1": 2, "q2": None, "q29": 7}
    assert score_answers(QLQ_C30, ValidAnswers(answers)) == score_answers(QLQ_C30, answers)
    noted = ValidAnswers({"f": 10, "note": "so much"})
    assert score_answers(ODDITY, noted) == score_answers(ODDITY, dict(noted))
    for instrument, valid in ((QLQ_C30, ValidAnswers(answers)), (QLQ_C30, ValidAnswers()), (ODDITY, noted)):
        scores = score_answers(instrument, valid)
        assert serialise_scores(instrument, valid) == [serialise_score(score) for score in scores]
    trusted = score_answers(QLQ_C30, ValidAnswers({"q29": 9, "q30": 9}))
    assert {score.scale: score.answered for score in trusted}["QL"] == 2


def test_words_do_not_disturb_scores() -> None:
    scores = by_code(ODDITY, {"f": 10, "note": "so much"})
    assert scores["TEN"].value == 100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(200, 3), "66.6666666667"),
        (Fraction(0), "0"),
        (Fraction(100), "100"),
        (Fraction(250, 3), "83.3333333333"),
        (Fraction(25, 2), "12.5"),
        (Fraction(-50, 3), "-16.6666666667"),
        (Fraction(1, 2 * 10**10), "0"),
        (Fraction(3, 2 * 10**10), "0.0000000002"),
        (Fraction(-1, 10**12), "0"),
    ],
)
def test_a_score_is_printed_once_and_canonically(value: Fraction, text: str) -> None:
    assert format_score(value) == text


def test_change_needs_both_scores_and_is_exact() -> None:
    some = by_code(QLQ_C30, {"q1": 1, "q2": 2, "q3": 2})
    later = by_code(QLQ_C30, {"q1": 1, "q2": 1, "q3": 1})
    assert change_from_baseline(later["PF"], some["PF"]) == Fraction(200, 9)
    assert change_from_baseline(later["QL"], some["QL"]) is None
    assert change_from_baseline(later["PF"], by_code(QLQ_C30, {})["PF"]) is None


@pytest.mark.req("CAP-18")
def test_scores_of_different_kinds_are_not_compared() -> None:
    scores = by_code(QLQ_C30, {"q6": 1, "q26": 1})
    with pytest.raises(Refused, match="not_comparable"):
        change_from_baseline(scores["RF"], scores["SF"])


@pytest.mark.parametrize(
    ("printed", "shown"),
    [("33.3333333333", "33.3"), ("66.6666666667", "66.7"), ("100", "100.0"), ("8.25", "8.2"), ("0", "0.0")],
)
def test_a_score_is_shown_to_one_decimal(printed: str, shown: str) -> None:
    assert round_printed_score(printed) == shown
