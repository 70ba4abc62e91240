"""Vectorised scoring: a column of one-character cells is one whole number with a byte for each row.

No rule of scoring is here. Where an algorithm says that it is additive, the registered algorithm fills a
table for every number of answers and every sum that they can have, and rows are only looked up in it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from struct import unpack

from app.domain.instruments.definition import Instrument, Item, Scale
from app.domain.instruments.responses import parse_answer
from app.domain.instruments.scoring.registry import ScoringAlgorithm, find_algorithm
from app.domain.instruments.scoring.score import ScaleScore, reverse_value
from app.domain.refusal import Refused
from app.domain.typed_text import trim_text

STATES = 256
"""What a byte can tell apart."""
REMEMBERED = 50_000
"""Summaries whose text is kept; what is remembered is bounded."""

_SUM_BITS = 24


@dataclass(frozen=True, slots=True)
class _Counted:
    """A scale whose every state, answered and summed, fits into a byte.

    `weights` say for each item what each sign adds to the state; `ranks` number the different scores.
    """

    places: tuple[int, ...]
    weights: tuple[bytes, ...]
    ranks: bytes
    scores: tuple[ScaleScore, ...]


@dataclass(frozen=True, slots=True)
class _ScaleGroup:
    """Scales side by side whose scores together fit into a byte: `scores` and their `texts` by that byte.

    `weights` say for each scale what its states add to the byte.
    """

    scales: tuple[_Counted, ...]
    weights: tuple[bytes, ...]
    scores: tuple[tuple[ScaleScore, ...], ...]
    texts: tuple[str, ...]

    def compute_states(self, columns: Sequence[bytes]) -> bytes:
        rows, total = len(columns[0]), 0
        for scale, weight in zip(self.scales, self.weights, strict=True):
            counts = 0
            for index, signs in zip(scale.places, scale.weights, strict=True):
                counts += int.from_bytes(columns[index].translate(signs), "little")
            total += int.from_bytes(counts.to_bytes(rows, "little").translate(weight), "little")
        return total.to_bytes(rows, "little")


@dataclass(frozen=True, slots=True)
class _Summary:
    """A summary by the number of its scored parts and their sum, in the places of four bytes a row."""

    scale: Scale
    parts: tuple[int, ...]
    weights: tuple[tuple[int, int, bytes], ...]
    """Group, byte and what the group's states add there."""
    known: dict[int, str]

    def compute_keys(self, states: Sequence[bytes]) -> tuple[int, ...]:
        rows = len(states[0])
        total = 0
        for group, byte, weight in self.weights:
            places = bytearray(4 * rows)
            places[byte::4] = states[group].translate(weight)
            total += int.from_bytes(places, "little")
        return unpack(f"<{rows}I", total.to_bytes(4 * rows, "little"))


class ColumnScorer:
    """Scores rows by their columns, one per item in the instrument's order, one byte per cell (ASCII).

    A blank stands for an empty cell. `find_doubted_rows` finds rows to score alone: a cell is no answer.
    """

    def __init__(
        self,
        algorithm: ScoringAlgorithm,
        signs: Sequence[bytes],
        groups: Sequence[_ScaleGroup],
        summaries: Sequence[_Summary],
        delimiter: str,
    ) -> None:
        self._algorithm = algorithm
        self._signs = signs
        self._groups = groups
        self._summaries = summaries
        self._delimiter = delimiter

    def find_doubted_rows(self, columns: Sequence[bytes]) -> set[int]:
        """The rows with a cell that is neither a possible answer nor missing."""
        rows: set[int] = set()
        for column, signs in zip(columns, self._signs, strict=True):
            if column.translate(None, signs):
                rows.update(row for row, sign in enumerate(column) if sign not in signs)
        return rows

    def format_scores(self, columns: Sequence[bytes]) -> list[list[str]]:
        """Pieces of each row's scores, to be put one after another; each has the delimiter in front."""
        states = [group.compute_states(columns) for group in self._groups]
        pieces = [
            [group.texts[state] for state in column]
            for group, column in zip(self._groups, states, strict=True)
        ]
        return [*pieces, *(self._summarised(summary, states) for summary in self._summaries)]

    def _summarised(self, summary: _Summary, states: Sequence[bytes]) -> list[str]:
        keys, known = summary.compute_keys(states), summary.known
        new = set(keys).difference(known)
        if new:
            if len(known) > REMEMBERED:
                known.clear()
                new = set(keys)
            for row, key in enumerate(keys):
                if key in new:
                    new.remove(key)
                    known[key] = self._delimiter + self._summary_text(
                        summary, [state[row] for state in states]
                    )
        return [known[key] for key in keys]

    def _summary_text(self, summary: _Summary, states: Sequence[int]) -> str:
        scores = [
            score for group, state in zip(self._groups, states, strict=True) for score in group.scores[state]
        ]
        return self._algorithm.score_parts(summary.scale, [scores[part] for part in summary.parts]).text


def compile_column_scorer(
    instrument: Instrument, missing: Collection[str], delimiter: str
) -> ColumnScorer | None:
    """A scorer of columns, None where rows must be scored by themselves.

    That is so with an algorithm that is not additive, with conditions and words, and where a state is more
    than a byte holds. `missing` are the codes that stand for a missing answer.
    """
    algorithm = find_algorithm(instrument.algorithm)
    if not algorithm.additive or any(item.condition or item.free_text for item in instrument.items):
        return None
    read = [_read_signs(item, missing) for item in instrument.items]
    scales = [scale for scale in instrument.scales if not scale.parts]
    counted = [_count(scale, instrument, read, algorithm) for scale in scales]
    whole = [score for score in counted if score is not None]
    if not whole or len(whole) < len(counted):
        return None
    groups = _side_by_side(whole, delimiter)
    codes = [scale.code for scale in scales]
    summaries = [
        _summarise(scale, [codes.index(code) for code in scale.parts], groups)
        for scale in instrument.scales
        if scale.parts
    ]
    fitting = [summary for summary in summaries if summary is not None]
    if len(fitting) < len(summaries):
        return None
    return ColumnScorer(algorithm, [bytes(column) for column in read], groups, fitting, delimiter)


def _read_signs(item: Item, missing: Collection[str]) -> dict[int, int | None]:
    """What a cell of each one sign says: an answer, or None for a missing one. Other signs are no keys."""
    read: dict[int, int | None] = {}
    for byte in range(STATES):
        cell = chr(byte)
        try:
            value = parse_answer(item, "" if trim_text(cell) in missing else cell)
        except Refused:
            continue
        read[byte] = value if isinstance(value, int) else None
    return read


def _count(
    scale: Scale,
    instrument: Instrument,
    read: Sequence[Mapping[int, int | None]],
    algorithm: ScoringAlgorithm,
) -> _Counted | None:
    span, size = scale.high - scale.low, len(scale.items)
    step = size * span + 1
    if size * step + size * span >= STATES:
        return None
    order = [item.code for item in instrument.items]
    places = tuple(order.index(code) for code in scale.items)
    weights = []
    for code, index in zip(scale.items, places, strict=True):
        weight = bytearray(STATES)
        for sign, value in read[index].items():
            if value is not None:
                weight[sign] = step + reverse_value(scale, code, value) - scale.low
        weights.append(bytes(weight))
    ranks, scores = bytearray(STATES), list[ScaleScore]()
    numbers: dict[tuple[int | None, int], int] = {}
    for answered, total in states_of_scale(scale):
        score = algorithm.score_items(scale, answers_of_state(scale, answered, total))
        rank = numbers.setdefault(score[:2], len(numbers))
        ranks[answered * step + total] = rank
        if rank == len(scores):
            scores.append(score)
    return _Counted(places, tuple(weights), bytes(ranks), tuple(scores))


def states_of_scale(scale: Scale) -> Iterator[tuple[int, int]]:
    """Each state of a scale: a count of answers, and their sum above the lowest values, after reversal."""
    for answered in range(len(scale.items) + 1):
        for total in range(answered * (scale.high - scale.low) + 1):
            yield answered, total


def answers_of_state(scale: Scale, answered: int, total: int) -> dict[str, int | None]:
    """That many answers with this sum above their lowest values, the first ones as high as possible."""
    answers: dict[str, int | None] = dict.fromkeys(scale.items)
    for code in scale.items[:answered]:
        part = min(total, scale.high - scale.low)
        answers[code] = reverse_value(scale, code, scale.low + part)
        total -= part
    return answers


def _side_by_side(scales: Sequence[_Counted], delimiter: str) -> list[_ScaleGroup]:
    """Neighbours put together for as long as a byte tells their scores apart."""
    gathered: list[list[_Counted]] = []
    states = 0
    for scale in scales:
        if not states or states * len(scale.scores) > STATES:
            gathered.append([])
            states = 1
        gathered[-1].append(scale)
        states *= len(scale.scores)
    return [_grouped(group, delimiter) for group in gathered]


def _grouped(scales: Sequence[_Counted], delimiter: str) -> _ScaleGroup:
    weights = []
    scores: list[tuple[ScaleScore, ...]] = [()]
    for scale in scales:
        radix = len(scores)
        weights.append(bytes(rank * radix for rank in scale.ranks))
        scores = [(*before, score) for score in scale.scores for before in scores]
    texts = ("".join(delimiter + score.text for score in state) for state in scores)
    return _ScaleGroup(tuple(scales), tuple(weights), tuple(scores), tuple(texts))


def _summarise(scale: Scale, parts: Sequence[int], groups: Sequence[_ScaleGroup]) -> _Summary | None:
    """Its weights; None where three bytes do not hold the sum."""
    every = [score for group in groups for scale in group.scales for score in scale.scores]
    common = lcm(*(score.denominator for score in every))
    codes = dict(zip(parts, scale.parts, strict=True))
    weights, first, most = [], 0, 0
    for number, group in enumerate(groups):
        sums = [_sum_of_parts(scale, state, first, codes, common) for state in group.scores]
        first += len(group.scales)
        most += max(total for total, _ in sums)
        if min(total for total, _ in sums) < 0 or most >= 1 << _SUM_BITS:
            return None
        keys = [total + (answered << _SUM_BITS) for total, answered in sums]
        for byte in range(4):
            weight = bytes(key >> 8 * byte & 255 for key in keys).ljust(STATES, b"\0")
            if any(weight):
                weights.append((number, byte, weight))
    return _Summary(scale, tuple(parts), tuple(weights), {})


def _sum_of_parts(
    scale: Scale,
    scores: Sequence[ScaleScore],
    first: int,
    codes: Mapping[int, str],
    common: int,
) -> tuple[int, int]:
    """The sum of those scores that are parts, in whole numbers over `common`, and how many these are.

    `codes` are the parts by their places among all scores; `first` is the place of the first one here.
    """
    total = answered = 0
    for index, score in enumerate(scores, first):
        code = codes.get(index)
        if code is not None and score.numerator is not None:
            total += reverse_value(scale, code, score.numerator * (common // score.denominator), common)
            answered += 1
    return total, answered
