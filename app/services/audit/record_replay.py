"""Replaying the facts of entries, and comparing what they state with the stored rows."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa

from app.domain.records.audit import IntegrityFault
from app.domain.records.messages import MessageState
from app.storage.proof.row_facts import (
    SETTLED_LATER,
    FactKey,
    ProvenTable,
    RowAct,
    proven_table,
    serialise_key,
)

_STILL_MOVING = frozenset({MessageState.queued.value, MessageState.sending.value})


class _Unstated:
    """Stands for what no entry states: equal to every value."""

    def __eq__(self, _other: object) -> bool:
        return True

    __hash__ = object.__hash__


_UNSTATED = _Unstated()

_Picker = Callable[[Sequence[Any]], Any]
"""Takes values out of a row: several as a tuple, one as it is."""


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Where a group of facts has its key, and where its values belong in the order of the table's columns.

    `in_order` puts the values of a new row into that order; None: they stand in it.
    """

    act: RowAct
    find_key: _Picker
    places: tuple[int | None, ...]
    in_order: _Picker | None
    whole: bool
    columns: int


@dataclass(slots=True)
class ReplayedRecord:
    """What a record holds by the trail, in the order of its table's columns, and which entry says so.

    `later` names, by what was stated together, the last entry that changed it since. `whole`: entries state
    every column of it.
    """

    chain: str
    seq: int
    values: list[object]
    whole: bool
    later: dict[_Layout, tuple[str, int]] | None = None

    def apply_entry(self, layout: _Layout, values: Iterable[object], entry: tuple[str, int]) -> None:
        """Take in what an entry states of some columns."""
        for index, value in zip(layout.places, values, strict=True):
            if index is not None:
                self.values[index] = value
        if self.later is None:
            self.later = {}
        self.later.pop(layout, None)  # what is put in again stands last
        self.later[layout] = entry

    def find_entry(self, position: int) -> tuple[str, int]:
        """Chain and number of the entry that a column's value is of."""
        for layout, entry in reversed((self.later or {}).items()):
            if position in layout.places:
                return entry
        return self.chain, self.seq


@dataclass(slots=True)
class Replay:
    """The records that the entries read so far tell of, by table and key.

    `counted` is how many stored rows were compared, `unproven` how many of them no entry states wholly,
    because they are of before entries stated anything.
    """

    fact_key: FactKey
    records: defaultdict[str, dict[Hashable, ReplayedRecord]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    incomplete: bool = False
    counted: int = 0
    unproven: int = 0

    def replay_group(self, chain: str, seq: int, group: Sequence[Any]) -> None:
        """Take in rows of one table that an entry states. Raises ValueError where a row is no row of it."""
        table, act, columns, rows = group
        layout = _find_layout(table, act, tuple(columns))
        if layout is None:
            return  # a table that this version no longer has
        width = len(columns)
        for values in rows:
            if len(values) != width:
                raise ValueError(table)
        records, find_key = self.records[table], layout.find_key
        if layout.act is RowAct.NEW:
            for values in rows:
                ordered = values if layout.in_order is None else list(layout.in_order([*values, _UNSTATED]))
                records[find_key(values)] = ReplayedRecord(chain, seq, ordered, layout.whole)
        elif layout.act is RowAct.CHANGED:
            for values in rows:
                key = find_key(values)
                record = records.get(key)
                if record is None:
                    unstated: list[object] = [_UNSTATED] * layout.columns
                    record = records[key] = ReplayedRecord(chain, seq, unstated, whole=False)
                record.apply_entry(layout, values, (chain, seq))
        else:
            for values in rows:
                records.pop(find_key(values), None)

    def compare_rows(self, proven: ProvenTable, rows: Iterable[sa.Row[Any]]) -> Iterator[IntegrityFault]:
        """Where the stored rows of a table are not what the entries say; forgets the table's records."""
        records = self.records.pop(proven.table.name, {})
        find_key, spell_values = proven.find_key, proven.serialise_values
        for row in rows:
            self.counted += 1
            key = find_key(row)
            record = records.pop(key, None)
            if record is None:
                yield from self._unknown(proven, key)
                continue
            self.unproven += not record.whole
            values = spell_values(self.fact_key, row)
            if values != record.values:
                yield from _differences(proven, key, values, record)
        for key, record in records.items():
            name = f"{proven.table.name}:{serialise_key(key)}"
            yield IntegrityFault(record.chain, record.seq, "is missing", name, "row")

    def find_entry(self, proven: ProvenTable, key: Hashable) -> tuple[str, int]:
        """Chain and number of the entry that made a record, as far as any tells of it."""
        record = self.records[proven.table.name].get(key)
        return (record.chain, record.seq) if record else ("records", 0)

    def _unknown(self, proven: ProvenTable, key: Hashable) -> Iterator[IntegrityFault]:
        if self.incomplete:
            self.unproven += 1
        else:
            yield unknown_row(proven.table.name, serialise_key(key))


def unknown_row(table: str, key: str) -> IntegrityFault:
    """The fault of a stored row that nobody ever made."""
    return IntegrityFault("records", 0, "no entry tells of it", f"{table}:{key}", "row")


def split_facts(facts: str) -> list[Sequence[Any]]:
    """The facts of an entry, each group the rows of one table."""
    groups: list[Sequence[Any]] = orjson.loads(facts)
    return groups


@lru_cache(maxsize=1024)
def _find_layout(table: str, act: str, columns: tuple[str, ...]) -> _Layout | None:
    try:
        proven = proven_table(table)
    except LookupError:
        return None
    places = {name: index for index, name in enumerate(proven.columns)}
    indexes = tuple(places.get(name) for name in columns)
    sources = tuple(columns.index(name) if name in columns else -1 for name in proven.columns)
    find_key = itemgetter(*(columns.index(name) for name in proven.key))
    in_order = None if sources == tuple(range(len(columns))) else itemgetter(*sources)
    whole = frozenset(proven.columns_of_new) <= frozenset(columns)
    return _Layout(RowAct(act), find_key, indexes, in_order, whole, len(proven.columns))


def _differences(
    proven: ProvenTable, key: Hashable, values: Sequence[object], record: ReplayedRecord
) -> Iterator[IntegrityFault]:
    name = f"{proven.table.name}:{serialise_key(key)}"
    for index, (stored, stated) in enumerate(zip(values, record.values, strict=True)):
        column = proven.columns[index]
        if stored != stated and not _is_under_way(proven, column, values, record):
            yield IntegrityFault(*record.find_entry(index), "is not what the entry says", name, column)


def _is_under_way(proven: ProvenTable, column: str, values: Sequence[object], record: ReplayedRecord) -> bool:
    """Until it is settled, a message may go to and fro between waiting and being sent, and note why."""
    if f"{proven.table.name}.{column}" not in SETTLED_LATER:
        return False
    settled, state = proven.columns.index("settled_at"), proven.columns.index("state")
    return record.values[settled] is None and values[state] in _STILL_MOVING
