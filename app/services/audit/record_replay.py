"""Replaying the facts of entries, and comparing what they state with the stored rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa

from app.domain.records.audit import IntegrityFault
from app.domain.records.messages import MessageState
from app.storage.proof.row_facts import FactKey, ProvenTable, RowAct, proven_table

_STILL_MOVING = frozenset({MessageState.queued.value, MessageState.sending.value})


class _Unstated:
    """Stands for what no entry states: equal to every value."""

    def __eq__(self, _other: object) -> bool:
        return True

    __hash__ = object.__hash__


_UNSTATED = _Unstated()


@dataclass(slots=True)
class ReplayedRecord:
    """What a record holds by the trail, in the order of its table's columns, and which entry says so.

    `later` names the entry of a column that changed since. `whole`: entries state every column of it.
    """

    chain: str
    seq: int
    values: list[object]
    whole: bool
    later: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a group of facts has its key, and where its values belong in the order of the table's columns.

    `sources` says for each column of the table which value it has, or -1 for none; None: each its own.
    """

    proven: ProvenTable
    act: RowAct
    key_places: tuple[int, ...]
    places: tuple[int | None, ...]
    sources: tuple[int, ...] | None
    whole: bool


@dataclass(slots=True)
class Replay:
    """The records that the entries read so far tell of, by table and key.

    `counted` is how many stored rows were compared, `unproven` how many of them no entry states wholly,
    because they are of before entries stated anything.
    """

    fact_key: FactKey
    records: dict[str, dict[str, ReplayedRecord]] = field(default_factory=dict)
    incomplete: bool = False
    counted: int = 0
    unproven: int = 0
    _layouts: dict[tuple[str, str, tuple[str, ...]], _Layout | None] = field(default_factory=dict)

    def replay_group(self, chain: str, seq: int, group: Sequence[Any]) -> None:
        """Take in rows of one table that an entry states."""
        table, act, columns, rows = group
        layout = self._layout(table, act, tuple(columns))
        if layout is None:
            return  # a table that this version no longer has
        records = self.records.setdefault(table, {})
        for values in rows:
            key = "/".join([str(values[place]) for place in layout.key_places])
            self._replay(records, key, chain, seq, layout, values)

    def compare_rows(self, proven: ProvenTable, rows: Iterable[sa.Row[Any]]) -> Iterator[IntegrityFault]:
        """Where the stored rows of a table are not what the entries say; forgets the table's records."""
        records = self.records.pop(proven.table.name, {})
        for row in rows:
            self.counted += 1
            key = proven.find_key(row)
            record = records.pop(key, None)
            if record is None:
                yield from self._unknown(proven, key)
                continue
            self.unproven += not record.whole
            values = proven.spell_values(self.fact_key, row)
            if values != record.values:
                yield from _differences(proven, key, values, record)
        for key, record in records.items():
            yield IntegrityFault(record.chain, record.seq, "is missing", f"{proven.table.name}:{key}", "row")

    def find_entry(self, proven: ProvenTable, key: str) -> tuple[str, int]:
        """Chain and number of the entry that made a record, as far as any tells of it."""
        record = self.records.get(proven.table.name, {}).get(key)
        return (record.chain, record.seq) if record else ("records", 0)

    def _unknown(self, proven: ProvenTable, key: str) -> Iterator[IntegrityFault]:
        if self.incomplete:
            self.unproven += 1
        else:
            yield unknown_row(proven, key)

    def _layout(self, table: str, act: str, columns: tuple[str, ...]) -> _Layout | None:
        signature = table, act, columns
        if signature not in self._layouts:
            self._layouts[signature] = _make_layout(*signature)
        return self._layouts[signature]

    def _replay(
        self,
        records: dict[str, ReplayedRecord],
        key: str,
        chain: str,
        seq: int,
        layout: _Layout,
        values: list[object],
    ) -> None:
        if layout.act is RowAct.REMOVED:
            records.pop(key, None)
            return
        if layout.act is RowAct.NEW:
            records[key] = ReplayedRecord(chain, seq, _in_order(layout, values), layout.whole)
            return
        record = records.get(key)
        if record is None:
            record = ReplayedRecord(chain, seq, [_UNSTATED] * len(layout.proven.columns), whole=False)
            records[key] = record
        for place, value in zip(layout.places, values, strict=True):
            if place is not None:
                record.values[place] = value
                record.later[place] = seq


def unknown_row(proven: ProvenTable, key: str) -> IntegrityFault:
    """The fault of a stored row that nobody ever made."""
    return IntegrityFault("records", 0, "no entry tells of it", f"{proven.table.name}:{key}", "row")


def split_facts(facts: str) -> list[Sequence[Any]]:
    """The facts of an entry, each group the rows of one table."""
    groups: list[Sequence[Any]] = orjson.loads(facts)
    return groups


def _make_layout(table: str, act: str, columns: tuple[str, ...]) -> _Layout | None:
    try:
        proven = proven_table(table)
    except LookupError:
        return None
    places = {name: place for place, name in enumerate(proven.columns)}
    found = tuple(places.get(name) for name in columns)
    sources = tuple(columns.index(name) if name in columns else -1 for name in proven.columns)
    key = tuple(columns.index(name) for name in proven.key)
    straight = sources == tuple(range(len(columns)))
    whole = frozenset(proven.columns_of_new) <= frozenset(columns)
    return _Layout(proven, RowAct(act), key, found, None if straight else sources, whole)


def _in_order(layout: _Layout, values: list[object]) -> list[object]:
    """The values of a new row in the order of its table's columns."""
    if layout.sources is None:
        return values
    stated = [*values, _UNSTATED]
    return [stated[source] for source in layout.sources]


def _differences(
    proven: ProvenTable, key: str, values: Sequence[object], record: ReplayedRecord
) -> Iterator[IntegrityFault]:
    name = f"{proven.table.name}:{key}"
    for place, (stored, stated) in enumerate(zip(values, record.values, strict=True)):
        column = proven.columns[place]
        if stored != stated and not _is_under_way(proven, column, values, record):
            yield IntegrityFault(
                record.chain, record.later.get(place, record.seq), "is not what the entry says", name, column
            )


def _is_under_way(proven: ProvenTable, column: str, values: Sequence[object], record: ReplayedRecord) -> bool:
    """Until it is settled, a message may go to and fro between waiting and being sent, and note why."""
    if proven.table.name != "message" or column not in ("state", "failure"):
        return False
    settled, state = proven.columns.index("settled_at"), proven.columns.index("state")
    return record.values[settled] is None and values[state] in _STILL_MOVING
