"""Scoring by columns looks up what the registered algorithm gives, for each state that a scale can have."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instruments.definition import Instrument, Scale
from app.domain.instruments.scoring import columns
from app.domain.instruments.scoring.columns import (
    ColumnScorer,
    answers_of_state,
    compile_column_scorer,
    states_of_scale,
)
from app.domain.instruments.scoring.registry import find_algorithm
from app.domain.instruments.scoring.rows import compile_row_scorer
from tests.domain.drawn_instruments import instruments
from tests.domain.questionnaires import ODDITY, QLQ_C30, reference_rows

CODES = [item.code for item in QLQ_C30.items]


def compiled(instrument: Instrument, missing: Sequence[str] = ()) -> ColumnScorer:
    scorer = compile_column_scorer(instrument, missing, ",")
    assert scorer is not None
    return scorer


def together(scorer: ColumnScorer, rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The printed scores of rows of cells of one sign, scored together."""
    columns = [bytes(map(ord, column)) for column in zip(*rows, strict=True)]
    return ["".join(pieces).split(",")[1:] for pieces in zip(*scorer.format_scores(columns), strict=True)]


def sums_alone(instrument: Instrument, scale: Scale) -> set[tuple[tuple[int, int], str]]:
    """The score of every pattern of a scale, by how many items are answered and their sum."""
    algorithm = find_algorithm(instrument.algorithm)
    values = [None, *range(scale.low, scale.high + 1)]
    sums = set()
    for pattern in product(values, repeat=len(scale.items)):
        answers = dict(zip(scale.items, pattern, strict=True))
        text = algorithm.score_items(scale, answers).text
        turned = [
            scale.high - value if code in scale.reversed else value - scale.low
            for code, value in answers.items()
            if value is not None
        ]
        sums.add(((len(turned), sum(turned)), text))
    return sums


@pytest.mark.req("VAL-07")
@pytest.mark.parametrize("scale", [scale for scale in QLQ_C30.scales if scale.items], ids=lambda it: it.code)
def test_every_number_of_answers_and_sum_has_one_score_and_it_is_looked_up(scale: Scale) -> None:
    states = list(states_of_scale(scale))
    rows = []
    for answered, total in states:
        answers = answers_of_state(scale, answered, total)
        rows.append([str(answers.get(code) or " ") for code in CODES])
    index = [each.code for each in QLQ_C30.scales if each.items].index(scale.code)
    texts = [texts_of_row[index] for texts_of_row in together(compiled(QLQ_C30), rows)]
    assert set(zip(states, texts, strict=True)) == sums_alone(QLQ_C30, scale)
    assert len(states) == len(sums_alone(QLQ_C30, scale))


@given(st.data())
def test_whatever_the_instrument_columns_score_as_rows_do(data: st.DataObject) -> None:
    drawn = data.draw(instruments())
    plain = tuple(replace(item, condition=None) for item in drawn.items)
    instrument = replace(drawn, items=plain, algorithm="eortc-linear 1.0", scales=drawn.scales)
    scorer = compile_column_scorer(instrument, ["."], ",")
    size = len(instrument.items)
    cell = st.sampled_from("0123456789.x ")
    rows = data.draw(st.lists(st.lists(cell, min_size=size, max_size=size), min_size=1, max_size=6))
    if scorer is None:
        return
    alone = [
        compile_row_scorer(instrument).score_row([each.replace(".", "") for each in row]) for row in rows
    ]
    columns = [bytes(map(ord, column)) for column in zip(*rows, strict=True)]
    doubted = scorer.find_doubted_rows(columns)
    assert doubted == {index for index, (_, flags) in enumerate(alone) if flags}
    for index, texts in enumerate(together(scorer, rows)):
        assert index in doubted or texts == alone[index][0]


def test_what_is_remembered_of_summaries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "REMEMBERED", 2)
    scorer, alone = compiled(QLQ_C30), compile_row_scorer(QLQ_C30)
    rows = [[row[code] for code in CODES] for row, _ in reference_rows()][:120]
    for first in range(0, 120, 40):
        some = rows[first : first + 40]
        texts = together(scorer, [[cell or " " for cell in row] for row in some])
        assert texts == [alone.score_row(row)[0] for row in some]
    assert max(len(summary.known) for summary in scorer._summaries) <= 40


def wide(sizes: Sequence[int]) -> Instrument:
    """Scales of so many items that take 0 or 1, and their mean."""
    item, scale = replace(QLQ_C30.items[0], low=0, high=1), QLQ_C30.scales[1]
    items = [
        [replace(item, code=f"i{index}_{number}") for number in range(size)]
        for index, size in enumerate(sizes)
    ]
    scales = [
        replace(scale, code=f"S{index}", items=tuple(each.code for each in group), low=0, high=1, minimum=1)
        for index, group in enumerate(items)
    ]
    codes = tuple(each.code for each in scales)
    mean = replace(scale, code="MEAN", items=(), parts=codes, low=0, high=100, minimum=1)
    return replace(QLQ_C30, items=tuple(chain(*items)), scales=(*scales, mean))


@pytest.mark.parametrize(
    "instrument",
    [
        ODDITY,
        replace(QLQ_C30, algorithm="worst-of 1.0"),
        replace(QLQ_C30, scales=QLQ_C30.scales[-1:]),
        wide([1, 16]),
        wide([15, 14, 13, 11, *[1] * 20]),
    ],
    ids=["conditions", "not additive", "summaries alone", "more states than a byte has", "too great a sum"],
)
def test_other_instruments_are_scored_row_by_row(instrument: Instrument) -> None:
    assert compile_column_scorer(instrument, (), ",") is None


def test_a_scale_of_as_many_states_as_a_byte_has_is_looked_up() -> None:
    instrument = wide([15, 1])
    rows = [["1"] * 16, ["0"] * 16, [*"101010101010101", " "], [" "] * 15 + ["1"]]
    alone = compile_row_scorer(instrument)
    cells = [["" if cell == " " else cell for cell in row] for row in rows]
    assert together(compiled(instrument), rows) == [alone.score_row(row)[0] for row in cells]
