"""Instruments drawn at random: ranges, conditions, reversed items, minima and summaries of any kind."""

from hypothesis import strategies as st

from app.domain.instruments.definition import (
    Comparison,
    Condition,
    Direction,
    Instrument,
    Item,
    ItemKind,
    Scale,
    ScaleKind,
)
from app.domain.instruments.scoring.registry import ALGORITHM_NAMES, NO_ALGORITHM, find_algorithm

_RANGES = ((0, 4), (1, 4), (0, 10))
_KINDS = (ScaleKind.GLOBAL, ScaleKind.FUNCTIONAL, ScaleKind.SYMPTOM)
_COIN = st.booleans()
SCORED = [name for name in ALGORITHM_NAMES if name != NO_ALGORITHM]


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    """An instrument with at least one scale, scored by any of the registered algorithms."""
    items = draw(_items())
    scales = draw(_scales(items))
    algorithm = draw(st.sampled_from(SCORED))
    ranges = {find_algorithm(algorithm).score_range(scale) for scale in scales}
    if len(ranges) == 1 and draw(st.booleans()):
        scales = (*scales, draw(_summary(scales, ranges.pop())))
    return Instrument("drawn", "1", "Drawn", False, algorithm, None, items, scales, (), (), "")


@st.composite
def _items(draw: st.DrawFn) -> tuple[Item, ...]:
    items: list[Item] = []
    number = draw(st.integers(1, 50))
    for index in range(draw(st.integers(1, 7))):
        low, high = draw(st.sampled_from(_RANGES))
        condition = None
        conditional = draw(_COIN)
        if items and conditional:
            on = draw(st.sampled_from(items))
            value = draw(st.integers(on.low, on.high))
            condition = Condition(on.code, draw(st.sampled_from(Comparison)), value)
        code = f"i{index}"
        items.append(Item(code, number, ItemKind.SCALE, low, high, 0, "l", None, None, True, condition, None))
        number += draw(st.integers(1, 5))
    return tuple(items)


@st.composite
def _scales(draw: st.DrawFn, items: tuple[Item, ...]) -> tuple[Scale, ...]:
    scales: list[Scale] = []
    for index in range(draw(st.integers(1, 4))):
        first = draw(st.sampled_from(items))
        alike = [item.code for item in items if (item.low, item.high) == (first.low, first.high)]
        codes = tuple(draw(st.lists(st.sampled_from(alike), min_size=1, unique=True)))
        scales.append(draw(_scale(f"S{index}", codes, (), (first.low, first.high))))
    return tuple(scales)


def _summary(scales: tuple[Scale, ...], reach: tuple[int, int]) -> st.SearchStrategy[Scale]:
    return _scale("SUM", (), tuple(scale.code for scale in scales), reach)


@st.composite
def _scale(
    draw: st.DrawFn, code: str, items: tuple[str, ...], parts: tuple[str, ...], reach: tuple[int, int]
) -> Scale:
    members = items or parts
    return Scale(
        code=code,
        name=code,
        kind=draw(st.sampled_from(_KINDS)) if items else ScaleKind.SUMMARY,
        items=items,
        parts=parts,
        reversed=draw(st.frozensets(st.sampled_from(members))),
        minimum=draw(st.integers(1, len(members))),
        low=reach[0],
        high=reach[1],
        better=Direction.HIGHER,
        cdisc=None,
    )
