"""Batch scoring row by row: the registered algorithm's results are memoised by their tuple of cells."""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from app.domain.instruments.definition import Instrument, Item, Scale
from app.domain.instruments.responses import AnswerValue, applicable_items, parse_answer
from app.domain.instruments.scoring.registry import ScoringAlgorithm, find_algorithm
from app.domain.instruments.scoring.score import ScaleScore
from app.domain.refusal import Refused
from app.domain.typed_text import trim_text

# What is remembered is bounded, so that no input, however long or odd, fills the memory.
REMEMBERED = 50_000
REMEMBERED_LENGTH = 64

RawAnswer = str | None
"""A cell as it stands in the file; None for an item that a condition does not ask."""


class ScaleResult(NamedTuple):
    """What a scale's cells give: the score, the same as text, and any doubt."""

    score: ScaleScore
    text: str
    doubtful: bool


class RowScorer:
    """Scores rows of text cells, one cell per item in the instrument's order.

    An empty cell is a missing answer. A cell that is out of range or cannot be read is
    set missing and its item flagged; the row is scored all the same. `columns` names
    the scores of a row: scales first, then summaries.
    """

    def __init__(self, instrument: Instrument) -> None:
        places = {item.code: index for index, item in enumerate(instrument.items)}
        scales = [scale for scale in instrument.scales if not scale.parts]
        summaries = [scale for scale in instrument.scales if scale.parts]
        self._algorithm = find_algorithm(instrument.algorithm)
        self.columns = tuple(scale.code for scale in (*scales, *summaries))
        self._summaries = [(scale, [self.columns.index(code) for code in scale.parts]) for scale in summaries]
        self._instrument = instrument
        self._conditional = any(item.condition for item in instrument.items)
        scored = {code for scale in scales for code in scale.items}
        self._unscored = [(places[item.code], item) for item in instrument.items if item.code not in scored]
        self._lookups = [
            (
                itemgetter(*(places[code] for code in scale.items)),
                _Patterns(scale, instrument, self._algorithm),
            )
            for scale in scales
        ]

    def score_row(self, cells: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
        """The printed scores, "" where not scorable, and the codes of flagged items."""
        applicable = self._without_unasked(cells) if self._conditional else cells
        results = [patterns[pick(applicable)] for pick, patterns in self._lookups]
        texts = [result.text for result in results]
        for scale, places in self._summaries:
            texts.append(self._algorithm.score_parts(scale, [results[index].score for index in places]).text)
        return texts, self._flags(cells) if self._doubted(results, cells) else ()

    def _doubted(self, results: Sequence[ScaleResult], cells: Sequence[str]) -> bool:
        if self._conditional:
            return True
        for result in results:
            if result.doubtful:
                return True
        return any(_unreadable(item, cells[index]) for index, item in self._unscored)

    def _flags(self, cells: Sequence[str]) -> tuple[str, ...]:
        pairs = zip(self._instrument.items, cells, strict=True)
        return tuple(item.code for item, cell in pairs if _unreadable(item, cell))

    def _without_unasked(self, cells: Sequence[str]) -> list[RawAnswer]:
        """The cells; None in place of those of items that the conditions do not ask."""
        answers = {
            item.code: _value(item, cell) for item, cell in zip(self._instrument.items, cells, strict=True)
        }
        applicable = {item.code for item in applicable_items(self._instrument, answers)}
        return [
            cell if item.code in applicable else None
            for item, cell in zip(self._instrument.items, cells, strict=True)
        ]


def compile_row_scorer(instrument: Instrument) -> RowScorer:
    """A scorer for forms of this instrument; raises Refused("nothing_to_score") without scales."""
    if not instrument.scales:
        raise Refused("nothing_to_score", instrument=instrument.id, version=instrument.version)
    return RowScorer(instrument)


class _Patterns(dict[RawAnswer | tuple[RawAnswer, ...], ScaleResult]):
    """One scale's score by its cells: each pattern is computed when it first comes."""

    def __init__(self, scale: Scale, instrument: Instrument, algorithm: ScoringAlgorithm) -> None:
        super().__init__()
        self._scale = scale
        self._algorithm = algorithm
        self._items = tuple(instrument.get_item(code) for code in scale.items)

    def __missing__(self, key: RawAnswer | tuple[RawAnswer, ...]) -> ScaleResult:
        cells = key if isinstance(key, tuple) else (key,)
        result = self._computed(cells)
        short = sum(len(cell) for cell in cells if cell) <= REMEMBERED_LENGTH
        if short and not result.doubtful and len(self) < REMEMBERED:
            self[key] = result
        return result

    def _computed(self, cells: tuple[RawAnswer, ...]) -> ScaleResult:
        applicable = [(item, cell) for item, cell in zip(self._items, cells, strict=True) if cell is not None]
        values = {item.code: _value(item, cell) for item, cell in applicable}
        numbers = {code: value if isinstance(value, int) else None for code, value in values.items()}
        doubtful = any(_unreadable(item, cell) for item, cell in applicable)
        score = self._algorithm.score_items(self._scale, numbers)
        return ScaleResult(score, score.text, doubtful)


def _value(item: Item, cell: str) -> AnswerValue:
    try:
        return parse_answer(item, cell)
    except Refused:
        return None


def _unreadable(item: Item, cell: str) -> bool:
    return bool(trim_text(cell)) and _value(item, cell) is None
