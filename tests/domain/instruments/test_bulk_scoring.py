"""Bulk scoring gives what exact scoring gives, and lives with whatever stands in a cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instruments.definition import Instrument
from app.domain.instruments.responses import AnswerValue, parse_answer
from app.domain.instruments.scoring import rows
from app.domain.instruments.scoring.registry import score_answers
from app.domain.instruments.scoring.rows import RowScorer, compile_row_scorer
from app.domain.instruments.scoring.score import format_score
from app.domain.refusal import Refused
from tests.domain.questionnaires import DIARY, ODDITY, QLQ_C30, reference_rows

CODES = [item.code for item in QLQ_C30.items]


def exact(instrument: Instrument, cells: list[str]) -> tuple[list[str], tuple[str, ...]]:
    answers: dict[str, AnswerValue] = {}
    flags = []
    for item, cell in zip(instrument.items, cells, strict=True):
        try:
            answers[item.code] = parse_answer(item, cell)
        except Refused:
            flags.append(item.code)
    scores = score_answers(instrument, answers)
    return ["" if score.value is None else format_score(score.value) for score in scores], tuple(flags)


CELL = st.sampled_from(
    [*"1234567", *"1234567", "", "", "0", "8", "11", "-1", " 2 ", "3.0", "1.5", "NA", ".", "x"]
)


@pytest.fixture(scope="module")
def qlq_c30() -> RowScorer:
    return compile_row_scorer(QLQ_C30)


@pytest.mark.req("VAL-07")
@given(st.lists(CELL, min_size=30, max_size=30))
def test_any_row_scores_as_exact_scoring_does(cells: list[str]) -> None:
    assert ANY.score_row(cells) == exact(QLQ_C30, cells)


@given(st.lists(CELL, min_size=7, max_size=7))
def test_conditions_reversal_and_minimum_hold_in_bulk(cells: list[str]) -> None:
    assert ODD.score_row(cells) == exact(ODDITY, cells)


ANY, ODD = compile_row_scorer(QLQ_C30), compile_row_scorer(ODDITY)


@pytest.mark.req("VAL-07")
def test_reference_rows_score_alike_the_first_time_and_when_remembered(qlq_c30: RowScorer) -> None:
    rows = [row for row, _scores in reference_rows()]
    assert len(rows) == 1201
    for row in rows:
        cells = [row[code] for code in CODES]
        assert qlq_c30.score_row(cells) == qlq_c30.score_row(cells) == exact(QLQ_C30, cells)


def test_flags_name_the_items_and_only_empty_cells_are_plainly_missing(qlq_c30: RowScorer) -> None:
    cells = ["1"] * 30
    cells[0], cells[3], cells[7], cells[29] = "9", "", "NA", "8"
    texts, flags = qlq_c30.score_row(cells)
    scores = dict(zip(qlq_c30.columns, texts, strict=True))
    assert flags == ("q1", "q8", "q30")
    assert (scores["PF"], scores["DY"], scores["QL"], scores["SUM"]) == ("100", "", "0", "")


def test_items_outside_every_scale_are_checked_too() -> None:
    toml_items = QLQ_C30.items
    partial = Instrument(
        id="part",
        version="1",
        name="part",
        licensed=False,
        algorithm="eortc-linear 1.0",
        cdisc=None,
        items=toml_items,
        scales=QLQ_C30.scales[1:2],
        recalls=(),
        labels=QLQ_C30.labels,
        sha256="",
    )
    scorer = compile_row_scorer(partial)
    assert scorer.score_row(["1"] * 29 + ["9"]) == (["100"], ("q30",))
    assert scorer.score_row(["1"] * 30) == (["100"], ())


@pytest.mark.parametrize("odd", [" " * 100 + "2", "x"])
def test_odd_cells_are_not_remembered(odd: str) -> None:
    scorer = compile_row_scorer(QLQ_C30)
    cells = ["2"] * 30
    scorer.score_row(cells)
    sizes = [len(patterns) for _, patterns in scorer._lookups]
    scorer.score_row([odd, *cells[1:]])
    assert [len(patterns) for _, patterns in scorer._lookups] == sizes


def test_memory_stays_bounded_and_results_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "REMEMBERED", 2)
    scorer = compile_row_scorer(QLQ_C30)
    for row, _ in list(reference_rows())[::40]:
        cells = [row[code] for code in CODES]
        assert scorer.score_row(cells) == exact(QLQ_C30, cells)
    assert max(len(patterns) for _, patterns in scorer._lookups) == 2


def test_an_instrument_without_scales_has_nothing_to_score() -> None:
    with pytest.raises(Refused, match="nothing_to_score"):
        compile_row_scorer(DIARY)
