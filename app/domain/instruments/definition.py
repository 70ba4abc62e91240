"""A questionnaire as data: its items, what each may be answered with, and its scales."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.refusal import Refused

LONGEST_ROW = 11
"""Numbers that fit beside each other, or in a list that is not scrolled twice; more are typed instead."""


class ItemKind(StrEnum):
    """How an item is answered: named codes, a row of numbers, a measured number, or words."""

    CHOICE = "choice"
    SCALE = "scale"
    DECIMAL = "decimal"
    TEXT = "text"


class ScaleKind(StrEnum):
    """What a scale's raw mean says: more of something good, of a symptom, or a mean of scales."""

    GLOBAL = "global"
    FUNCTIONAL = "functional"
    SYMPTOM = "symptom"
    SUMMARY = "summary"


class Direction(StrEnum):
    """Which end of a score is the good one."""

    HIGHER = "higher"
    LOWER = "lower"


class RowDirection(StrEnum):
    """Where the smallest number of a numeric row stands, in every language: left, or right."""

    LEFT_TO_RIGHT = "ltr"
    RIGHT_TO_LEFT = "rtl"


class Comparison(StrEnum):
    """How a condition compares an answer with its value."""

    EQUAL = "=="
    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class CdiscCode:
    """CDISC controlled terms: the short test code and its NCI Thesaurus code."""

    testcd: str
    ncit: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of one item's answer with a value, in the item's own stored unit."""

    item: str
    op: Comparison
    value: int


@dataclass(frozen=True, slots=True)
class Recall:
    """A period that items look back on; `interval` is ISO 8601 as CDISC writes it (-P1W)."""

    code: str
    interval: str


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """One way of answering, shared by items; `named` are the values that carry words.

    For kind text, `low` and `high` count characters; for kind decimal they count steps
    of 10 ** -decimals.
    """

    code: str
    kind: ItemKind
    low: int
    high: int
    decimals: int
    named: tuple[int, ...]
    direction: RowDirection = RowDirection.LEFT_TO_RIGHT


@dataclass(frozen=True, slots=True)
class Item:
    """One question. `condition`: it is asked only then; `urgent`: such an answer means call now.

    `lists`: it is answered by ticking, in one list, those items that are asked after its answer 1; "none of
    these" is 0. `box`: the item of such a list whose tick decides whether this one is asked, often itself;
    "" for none. `tick`: to tick it says it all, and this is the answer.
    """

    code: str
    number: int
    kind: ItemKind
    low: int
    high: int
    decimals: int
    labels: str
    recall: str | None
    cdisc: CdiscCode | None
    skippable: bool
    condition: Condition | None
    urgent: Condition | None
    direction: RowDirection = RowDirection.LEFT_TO_RIGHT
    lists: bool = False
    box: str = ""
    tick: int | None = None
    by_digit: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """What one typed digit answers; empty where that takes a second look."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_digit", dict(self._digits()))

    def _digits(self) -> Iterator[tuple[str, int]]:
        if not (self.lists or self.box or self.tick is not None or self.decimals or self.free_text):
            yield from ((str(digit), digit) for digit in range(max(self.low, 0), min(self.high, 9) + 1))

    @property
    def listed(self) -> bool:
        """Whether it stands in a list, and is asked how bad it was only where it is ticked."""
        return self.box == self.code

    @property
    def typed_number(self) -> bool:
        """Whether the answer is typed as a number: measured, or of a row too long for a telephone."""
        if self.kind is ItemKind.SCALE:
            return self.high - self.low + 1 > LONGEST_ROW
        return self.kind is ItemKind.DECIMAL

    @property
    def has_choices(self) -> bool:
        """Whether it is answered by choosing, and not by typing a number or words."""
        return self.kind in (ItemKind.CHOICE, ItemKind.SCALE) and not self.typed_number

    @property
    def free_text(self) -> bool:
        """Whether the answer is the person's own words."""
        return self.kind is ItemKind.TEXT


@dataclass(frozen=True, slots=True)
class Scale:
    """A score and what it is made of; its range is that of the instrument's algorithm.

    A summary is made of `parts` (scale codes) and has no `items`; any other scale the
    other way round. `low` and `high` bound every item (or part); `reversed` names those
    that are turned round first; `minimum` is how many must be there.
    """

    code: str
    name: str
    kind: ScaleKind
    items: tuple[str, ...]
    parts: tuple[str, ...]
    reversed: frozenset[str]
    minimum: int
    low: int
    high: int
    better: Direction
    cdisc: CdiscCode | None


@dataclass(frozen=True, slots=True)
class Instrument:
    """A published version of a questionnaire; it never changes, `sha256` proves it.

    A `draft` is not published yet and may still change: it is for the demonstration alone.
    `by_code` are its items, to be found by their codes; `list_item` is the question over its list, if any;
    `has_urgent_answers`: some answer to one of them means "call now", whatever a plan marks.
    """

    id: str
    version: str
    name: str
    licensed: bool
    algorithm: str
    cdisc: CdiscCode | None
    items: tuple[Item, ...]
    scales: tuple[Scale, ...]
    recalls: tuple[Recall, ...]
    labels: tuple[ResponseOptions, ...]
    sha256: str
    draft: bool = False
    by_code: Mapping[str, Item] = field(init=False, repr=False, compare=False)
    list_item: Item | None = field(init=False, repr=False, compare=False)
    has_urgent_answers: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_code", {item.code: item for item in self.items})
        object.__setattr__(self, "list_item", next((item for item in self.items if item.lists), None))
        object.__setattr__(self, "has_urgent_answers", any(item.urgent for item in self.items))

    def get_item(self, code: str) -> Item:
        """The item of that code; raises Refused("unknown_item") naming what is allowed."""
        item = self.by_code.get(code)
        if item is None:
            raise Refused("unknown_item", item=code, allowed=tuple(self.by_code))
        return item
