"""Scores for many forms at once: the same results as `scoring`, looked up instead of computed."""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from operator import itemgetter
from typing import NamedTuple

from app.domain.instruments.definition import Instrument, Item, Scale
from app.domain.instruments.responses import AnswerValue, applicable_items, parse_answer
from app.domain.instruments.scoring.eortc import format_score, linear_transform
from app.domain.refusal import Refused

# What is remembered is bounded, so that no input, however long or odd, fills the memory.
REMEMBERED = 50_000
REMEMBERED_LENGTH = 64


class ScaleResult(NamedTuple):
    """What a scale's cells give: the score as text and in whole `units`, and any doubt."""

    text: str
    units: int | None
    doubtful: bool


class RowScorer:
    """Scores rows of text cells, one cell per item in the instrument's order.

    An empty cell is a missing answer. A cell that is out of range or cannot be read is
    set missing and its item flagged; the row is scored all the same. `columns` names
    the scores of a row: scales first, then summaries.
    """

    def __init__(self, instrument: Instrument) -> None:
        places = {item.code: place for place, item in enumerate(instrument.items)}
        scales = [scale for scale in instrument.scales if not scale.parts]
        summaries = [scale for scale in instrument.scales if scale.parts]
        scored = {code for scale in scales for code in scale.items}
        units = lcm(*(_denominator(scale) for scale in scales))
        self.columns = tuple(scale.code for scale in (*scales, *summaries))
        self._instrument = instrument
        self._conditional = any(item.condition for item in instrument.items)
        self._unscored = [(places[item.code], item) for item in instrument.items if item.code not in scored]
        self._lookups = [
            (itemgetter(*(places[code] for code in scale.items)), _Patterns(scale, instrument, units))
            for scale in scales
        ]
        self._summaries = [_Summary(scale, self.columns, units) for scale in summaries]

    def row(self, cells: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
        """The printed scores, "" where not scorable, and the codes of flagged items."""
        due = self._blanked(cells) if self._conditional else cells
        found = [patterns[pick(due)] for pick, patterns in self._lookups]
        texts = [each.text for each in found]
        texts += [summary.text(found) for summary in self._summaries]
        return texts, self._flags(cells) if self._doubted(found, cells) else ()

    def _doubted(self, found: Sequence[ScaleResult], cells: Sequence[str]) -> bool:
        if self._conditional:
            return True
        for each in found:
            if each.doubtful:
                return True
        return any(_unreadable(item, cells[place]) for place, item in self._unscored)

    def _flags(self, cells: Sequence[str]) -> tuple[str, ...]:
        pairs = zip(self._instrument.items, cells, strict=True)
        return tuple(item.code for item, cell in pairs if _unreadable(item, cell))

    def _blanked(self, cells: Sequence[str]) -> list[str]:
        """The cells without those of items that the conditions do not ask."""
        pairs = zip(self._instrument.items, cells, strict=True)
        answers = {item.code: _value(item, cell) for item, cell in pairs}
        due = {item.number for item in applicable_items(self._instrument, answers)}
        return [cell if number in due else "" for number, cell in enumerate(cells, 1)]


def compile_row_scorer(instrument: Instrument) -> RowScorer:
    """A scorer for forms of this instrument; raises Refused("nothing_to_score") without scales."""
    if not instrument.scales:
        raise Refused("nothing_to_score", instrument=instrument.id, version=instrument.version)
    return RowScorer(instrument)


class _Patterns(dict[str | tuple[str, ...], ScaleResult]):
    """One scale's score by its cells: each pattern is worked out when it is first met."""

    def __init__(self, scale: Scale, instrument: Instrument, units: int) -> None:
        super().__init__()
        self._scale = scale
        self._items = tuple(instrument.item(code) for code in scale.items)
        self._units = units

    def __missing__(self, key: str | tuple[str, ...]) -> ScaleResult:
        cells = (key,) if isinstance(key, str) else key
        found = self._found(cells)
        short = sum(map(len, cells)) <= REMEMBERED_LENGTH
        if short and not found.doubtful and len(self) < REMEMBERED:
            self[key] = found
        return found

    def _found(self, cells: tuple[str, ...]) -> ScaleResult:
        pairs = tuple(zip(self._items, cells, strict=True))
        values = [(item, value) for item, cell in pairs if isinstance(value := _value(item, cell), int)]
        doubtful = any(_unreadable(item, cell) for item, cell in pairs)
        if len(values) < self._scale.minimum:
            return ScaleResult("", None, doubtful)
        total = sum(self._turned(item, value) for item, value in values)
        scored = linear_transform(self._scale, total, len(values))
        return ScaleResult(format_score(scored), int(scored * self._units), doubtful)

    def _turned(self, item: Item, value: int) -> int:
        return self._scale.low + self._scale.high - value if item.code in self._scale.reversed else value


class _Summary:
    """One summary's text by the whole sum of its parts."""

    def __init__(self, scale: Scale, columns: Sequence[str], units: int) -> None:
        self._scale = scale
        self._units = units
        self._straight = [columns.index(code) for code in scale.parts if code not in scale.reversed]
        self._reversed = [columns.index(code) for code in scale.parts if code in scale.reversed]
        self._span = (scale.low + scale.high) * units
        self._texts: dict[tuple[int, int], str] = {}

    def text(self, found: Sequence[ScaleResult]) -> str:
        straight = [units for place in self._straight if (units := found[place].units) is not None]
        turned = [units for place in self._reversed if (units := found[place].units) is not None]
        answered = len(straight) + len(turned)
        if answered < self._scale.minimum:
            return ""
        total = sum(straight) - sum(turned) + len(turned) * self._span
        known = self._texts.get((total, answered))
        return self._work_out(total, answered) if known is None else known

    def _work_out(self, total: int, answered: int) -> str:
        text = format_score(linear_transform(self._scale, Fraction(total, self._units), answered))
        if len(self._texts) < REMEMBERED:
            self._texts[total, answered] = text
        return text


def _denominator(scale: Scale) -> int:
    """A number by which every possible score of the scale becomes whole."""
    return lcm(*(answered * (scale.high - scale.low) for answered in range(1, len(scale.items) + 1)))


def _value(item: Item, cell: str) -> AnswerValue:
    try:
        return parse_answer(item, cell)
    except Refused:
        return None


def _unreadable(item: Item, cell: str) -> bool:
    return bool(cell.strip()) and _value(item, cell) is None
