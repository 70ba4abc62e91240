"""What a statistician checks of a scored file: rows, flags and answers by item, scores by scale."""

import csv
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from itertools import accumulate, compress
from typing import TextIO

from app.domain.instruments.definition import Instrument, Item
from app.domain.instruments.responses import format_answer, parse_answer
from app.domain.instruments.scoring.registry import find_algorithm
from app.domain.instruments.scoring.score import format_score

HEADER = ("about", "name", "measure", "value")
LISTED_ANSWERS = 101
"""An item with more possible answers has them counted, but not each."""
BINS = 10

RAGGED = "row_length"
"""The flag of a row with more or fewer cells than the header: they may have slipped, so it is not scored."""
LONG = "cell_length"
"""The flag of a row with a cell that other programs may not be able to read."""
ROW_FLAGS = (RAGGED, LONG)

_ANSWERED, _MISSING, _FLAGGED = "answered", "missing", "flagged"
_QUARTERS = (("lower_quartile", 1), ("median", 2), ("upper_quartile", 3))


class ScoreReport:
    """Counts rows as they are scored. What it keeps grows with the kinds of scores, not with the file."""

    def __init__(self, instrument: Instrument, scales: Sequence[str], missing: Collection[str]) -> None:
        self._instrument = instrument
        self._missing = missing
        self._flags: Counter[str] = Counter()
        self._items: dict[str, Counter[str]] = {item.code: Counter() for item in instrument.items}
        self._scores: dict[str, Counter[str]] = {code: Counter() for code in scales}
        self._signs: dict[str, Counter[int]] = {item.code: Counter() for item in instrument.items}
        self._pieces: dict[int, Counter[str]] = {}

    def add_row(self, cells: Sequence[str] | None, texts: Sequence[str], flags: Collection[str]) -> None:
        """A row that was scored by itself; without `cells` it was not scored."""
        self._flags.update(flag for flag in flags if flag in ROW_FLAGS)
        if cells is None:
            return
        for item, cell in zip(self._instrument.items, cells, strict=True):
            self._items[item.code].update((_FLAGGED,) if item.code in flags else _counted_as(item, cell))
        for counted, text in zip(self._scores.values(), texts, strict=True):
            counted[text] += 1

    def add_columns(
        self, columns: Sequence[bytes], texts: Sequence[Sequence[str]], odd: Collection[int]
    ) -> None:
        """Rows without flags that were scored together; the `odd` ones among them do not count."""
        rows = len(columns[0])
        counted = bytes(row not in odd for row in range(rows)) if odd else b"\1" * rows
        for signs, column in zip(self._signs.values(), columns, strict=True):
            signs.update(compress(column, counted) if odd else column)
        for index, pieces in enumerate(texts):
            self._pieces.setdefault(index, Counter()).update(compress(pieces, counted) if odd else pieces)

    def write(self, target: TextIO, lines: int, rows: int, flagged: int, delimiter: str) -> None:
        """Write the report as CSV."""
        self._sum_up(delimiter)
        unscored = self._flags[RAGGED]
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(HEADER)
        about = f"{self._instrument.id}@{self._instrument.version}"
        writer.writerow(("file", "", "instrument", about))
        writer.writerow(("file", "", "algorithm", self._instrument.algorithm))
        writer.writerow(("file", "", "missing_codes", " ".join(sorted(self._missing))))
        counts = {"lines": lines, "rows": rows, "rows_scored": rows - unscored, "rows_not_scored": unscored}
        writer.writerows(("file", "", name, number) for name, number in counts.items())
        writer.writerow(("file", "", "rows_flagged", flagged))
        writer.writerows(("flag", flag, "rows", self._flags[flag]) for flag in ROW_FLAGS)
        for item in self._instrument.items:
            writer.writerows(("item", item.code, *row) for row in _about_item(item, self._items[item.code]))
        for code, counted in self._scores.items():
            writer.writerows(("scale", code, *row) for row in self._about_scale(code, counted))

    def _sum_up(self, delimiter: str) -> None:
        """Add what was counted of columns: each sign as the cell that it was, each piece as its scores."""
        for item in self._instrument.items:
            for sign, number in self._signs[item.code].items():
                cell = chr(sign)
                for said in _counted_as(item, "" if cell in self._missing else cell):
                    self._items[item.code][said] += number
        codes, first = list(self._scores), 0
        for pieces in self._pieces.values():
            width = 0
            for piece, number in pieces.items():
                texts = piece.split(delimiter)[1:]
                width = len(texts)
                for code, text in zip(codes[first:], texts, strict=False):
                    self._scores[code][text] += number
            first += width

    def _about_scale(self, code: str, counted: Counter[str]) -> Iterator[tuple[str, object]]:
        values = {Fraction(text): number for text, number in counted.items() if text}
        scored = sum(values.values())
        yield "scorable", scored
        yield "not_scorable", counted[""]
        if not scored:
            return
        yield "least", format_score(min(values))
        for name, quarter in _QUARTERS:
            yield name, format_score(_at_rank(values, -(-scored * quarter // 4)))
        yield "greatest", format_score(max(values))
        yield "mean", format_score(Fraction(sum(value * number for value, number in values.items())) / scored)
        scale = next(scale for scale in self._instrument.scales if scale.code == code)
        low, high = find_algorithm(self._instrument.algorithm).score_range(scale)
        bins = Counter[int]()
        for value, number in values.items():
            bins[min(int((value - low) * BINS / (high - low)), BINS - 1)] += number
        for index in range(BINS):
            ends = (format_score(low + Fraction(high - low, BINS) * end) for end in (index, index + 1))
            yield "from {} to {}".format(*ends), bins[index]


def _counted_as(item: Item, cell: str) -> tuple[str, ...]:
    """What a readable cell counts as: missing, or answered, and where there are few answers, with which."""
    value = parse_answer(item, cell)
    if value is None:
        return (_MISSING,)
    return (_ANSWERED, _answer(item, value)) if _listed(item) and isinstance(value, int) else (_ANSWERED,)


def _answer(item: Item, value: int) -> str:
    return f"answer {format_answer(item, value)}"


def _listed(item: Item) -> bool:
    return not item.free_text and item.high - item.low < LISTED_ANSWERS


def _about_item(item: Item, counted: Counter[str]) -> Iterator[tuple[str, object]]:
    for measure in (_ANSWERED, _MISSING, _FLAGGED):
        yield measure, counted[measure]
    if _listed(item):
        for value in range(item.low, item.high + 1):
            yield _answer(item, value), counted[_answer(item, value)]


def _at_rank(values: dict[Fraction, int], rank: int) -> Fraction:
    """The least value that so many do not exceed."""
    in_order = sorted(values)
    return in_order[bisect_left(list(accumulate(values[value] for value in in_order)), rank)]
