"""What an entry states of each row that it changed, so that the row can be proven by it.

The changes of an entry tell people what happened; its facts tell `verify-audit` what the rows hold since:
every column of a new row, and the changed columns of another. Secrets, contacts, documents and free text
stand there as keyed digests.
"""

import hmac
import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import PassiveFlag
from sqlmodel import SQLModel

from app.domain.records.audit import FieldChange, canonical_json
from app.storage.row_changes import BOOKKEEPING, TECHNICAL_TABLES
from app.storage.tables.columns import metadata

SETTLED_LATER = frozenset(
    f"{table}.{column}" for table in ("message", "alert_message") for column in ("state", "failure")
)
"""Columns that an entry states when a message is queued and when it is settled, and that move in between."""

UNPROVEN = BOOKKEEPING - SETTLED_LATER
"""Columns that no entry states: they keep a browser or a worker alive, or can be computed anew."""

_NATURAL_KEYS: Mapping[str, tuple[str, ...]] = {
    "slot": ("public_id",),
    "answer_event": ("slot_id", "revision"),
    "response": ("slot_id", "version"),
    "alert": ("slot_id", "rule"),
}
"""How a record is named whose number the database gives only when the entry is built already."""

_PLAIN = frozenset({str, int, bool, type(None)})
"""The kinds of values that facts spell as they are."""

_GROUP_OF_FACT = itemgetter(0, 1, 2)
"""Table, act and columns of a fact."""

_PROSE = 200
"""From this length on a text column may hold people's own words."""


class RowAct(StrEnum):
    """What became of a row."""

    NEW = "new"
    CHANGED = "set"
    REMOVED = "gone"


class RowFact(NamedTuple):
    """What a row holds since an entry; `values` stand in the order of `columns`, the key among them."""

    table: str
    act: RowAct
    columns: tuple[str, ...]
    values: Sequence[object]


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that a transaction changed: its chain, what the entry tells of it, and what it states."""

    table: str
    chain: str
    changes: Sequence[FieldChange]
    fact: RowFact | None


@dataclass(frozen=True, slots=True)
class FactKey:
    """Makes the keyed digests by which a value is proven that must not stand in the trail."""

    key: bytes

    def compute_digest(self, column: str, record: str, text: str) -> str:
        """The digest of a text in one column (`table.column`) of one record."""
        return f"keyed:{hmac.digest(self.key, f'{column}:{record}:{text}'.encode(), 'sha256').hex()[:32]}"


@dataclass(frozen=True)
class ProvenTable:
    """A table whose rows entries prove: its key, and the columns that they state."""

    table: sa.Table
    key: tuple[str, ...]
    columns: tuple[str, ...]
    digested: frozenset[str]

    def serialise_row(self, key: FactKey, names: Sequence[str], row: Mapping[str, Any]) -> list[object]:
        """These columns of a row as facts spell them; the row has at least the columns of the key."""
        digested = self.digested
        spelled = [row[name] for name in names]
        for index, value in enumerate(spelled):
            if value is None:
                continue
            name = names[index]
            if name in digested:
                spelled[index] = self._digest(key, self.record_key(row), name, value)
            elif type(value) not in _PLAIN:
                spelled[index] = _spell_instant(value) if isinstance(value, datetime) else _spell_day(value)
        return spelled

    def record_key(self, row: Mapping[str, Any]) -> str:
        """The key of a row as one text."""
        return "/".join(str(row[name]) for name in self.key)

    @cached_property
    def find_key(self) -> Callable[[Sequence[Any]], Hashable]:
        """Gives the key of a row that is given by the values of `columns`."""
        return itemgetter(*(self.columns.index(name) for name in self.key))

    def serialise_values(self, key: FactKey, values: Sequence[Any]) -> list[object]:
        """The values of `columns` as facts spell them; the database returned days and instants as text."""
        spelled = list(values[: len(self.columns)])
        for index in self._moment_places:
            moment = spelled[index]
            if moment is not None:
                spelled[index] = _iso_moment(moment)
        if self._secret_places:
            record = serialise_key(self.find_key(values))
            for index in self._secret_places:
                value = read_document(values[index]) if index in self._document_places else values[index]
                digested = value is not None
                spelled[index] = self._digest(key, record, self.columns[index], value) if digested else None
        return spelled

    @cached_property
    def columns_of_new(self) -> tuple[str, ...]:
        """The columns that are known when a row is made: a slot has no number yet."""
        return tuple(name for name in self.columns if name != "id" or self.table.name != "slot")

    @cached_property
    def defaults(self) -> Mapping[str, object]:
        """What a new row holds in the columns that it is not given."""
        plain = ((name, self.table.c[name].default) for name in self.columns)
        return {name: getattr(default, "arg", None) for name, default in plain}

    @cached_property
    def _moment_places(self) -> tuple[int, ...]:
        kinds = (plain_type(self.table.c[name]) for name in self.columns)
        return tuple(index for index, kind in enumerate(kinds) if isinstance(kind, (sa.Date, sa.DateTime)))

    @cached_property
    def _document_places(self) -> frozenset[int]:
        kinds = (plain_type(self.table.c[name]) for name in self.columns)
        return frozenset(index for index, kind in enumerate(kinds) if isinstance(kind, sa.JSON))

    @cached_property
    def _secret_places(self) -> tuple[int, ...]:
        return tuple(index for index, name in enumerate(self.columns) if name in self.digested)

    def _digest(self, key: FactKey, record: str, name: str, value: object) -> str:
        text = value if isinstance(value, str) else canonical_json(value)
        return key.compute_digest(f"{self.table.name}.{name}", record, text)


@cache
def proven_table(name: str) -> ProvenTable:
    """The table of that name. Raises LookupError for one whose rows no entry proves."""
    if name in TECHNICAL_TABLES:
        raise LookupError(name)
    table = metadata.tables[name]
    key = _NATURAL_KEYS.get(name) or tuple(column.name for column in table.primary_key)
    unstated = UNPROVEN | {f"{key}.id" for key in _NATURAL_KEYS if key != "slot"}
    columns = tuple(column.name for column in table.columns if f"{name}.{column.name}" not in unstated)
    digested = frozenset(column.name for column in table.columns if _is_digested(column))
    return ProvenTable(table, key, columns, digested)


def proven_tables() -> Iterator[ProvenTable]:
    """Every table whose rows entries prove."""
    return (proven_table(name) for name in metadata.tables if name not in TECHNICAL_TABLES)


def new_row_fact(key: FactKey, table: str, row: Mapping[str, Any]) -> RowFact:
    """What an entry states of a new row that is given by its columns; one that it lacks has its default."""
    (fact,) = new_row_facts(key, table, (row,))
    return fact


def new_row_facts(key: FactKey, table: str, rows: Iterable[Mapping[str, Any]]) -> list[RowFact]:
    """What an entry states of new rows of one table, each as `new_row_fact` has it."""
    proven = proven_table(table)
    columns, defaults, spell = proven.columns_of_new, proven.defaults, proven.serialise_row
    return [RowFact(table, RowAct.NEW, columns, spell(key, columns, {**defaults, **row})) for row in rows]


def changed_row_fact(key: FactKey, table: str, row: Mapping[str, Any], changed: Iterable[str]) -> RowFact:
    """What an entry states of a row of which these columns changed; `row` has them, the key, and the `id`."""
    columns = _columns_of_change(table, frozenset(changed))
    return RowFact(table, RowAct.CHANGED, columns, proven_table(table).serialise_row(key, columns, row))


@cache
def _columns_of_change(table: str, changed: frozenset[str]) -> tuple[str, ...]:
    proven = proven_table(table)
    named = (*proven.key, "id") if table == "slot" else proven.key
    return (*named, *(name for name in proven.columns if name in changed and name not in named))


def flushed_row_fact(key: FactKey, row: SQLModel, deleted: bool) -> RowFact | None:
    """What an entry states of a row that a session has just flushed; None where there is nothing."""
    table = str(row.__tablename__)
    if table in TECHNICAL_TABLES:
        return None
    state: sa.orm.InstanceState[Any] = sa.inspect(row)
    proven, values = proven_table(table), _ColumnsOf(row)
    if deleted:
        return RowFact(table, RowAct.REMOVED, proven.key, proven.serialise_row(key, proven.key, values))
    if state.key is None:
        columns = proven.columns
        return RowFact(table, RowAct.NEW, columns, proven.serialise_row(key, columns, values))
    changed = [name for name in proven.columns if name in state.committed_state and _has_changed(state, name)]
    return changed_row_fact(key, table, values, changed) if changed else None


def serialise_facts(facts: Iterable[RowFact]) -> str:
    """The facts of an entry as one text: rows of one table that state the same columns share their names."""
    groups = groupby(facts, key=_GROUP_OF_FACT)
    return orjson.dumps(
        [[table, act, columns, [fact.values for fact in group]] for (table, act, columns), group in groups]
    ).decode()


def _has_changed(state: sa.orm.InstanceState[Any], name: str) -> bool:
    """Whether a column that was set got another value: to set what stands there already changes nothing."""
    return state.get_history(name, PassiveFlag.PASSIVE_NO_FETCH).has_changes()


def read_document(stored: object) -> object:
    """A stored JSON document, which SQLite returns as text; text that is none stays text."""
    try:
        return json.loads(stored) if isinstance(stored, str) else stored
    except ValueError:
        return stored


def serialise_key(key: object) -> str:
    """The key of a row, several values or one, as one text."""
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)


@lru_cache(maxsize=4096)  # the days and windows of one form are those of many
def _iso_moment(stored: str) -> str:
    """A day, or an instant in UTC as a database spells it (`2026-03-02 01:30:00.25`), as facts spell it."""
    day, gap, clock = stored.partition(" ")
    second, _, fraction = clock.partition(".")
    if not gap:
        return stored
    return f"{day}T{second}{f'.{fraction:0<6}' if fraction.strip('0') else ''}+00:00"


def _spell_day(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


@lru_cache(maxsize=256)  # the answers of one form share theirs
def _spell_instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


class _ColumnsOf(Mapping[str, Any]):
    """A row of the ORM by the names of its columns."""

    def __init__(self, row: SQLModel) -> None:
        self._row = row

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a value of any column
        return getattr(self._row, name)

    def __iter__(self) -> Iterator[str]:
        return iter(sa.inspect(type(self._row)).columns.keys())

    def __len__(self) -> int:
        return len(sa.inspect(type(self._row)).columns)


def _is_digested(column: sa.Column[Any]) -> bool:
    """Whether facts hold a digest of a column: a credential, a document, or text that may be people's own."""
    if column.name.endswith(("_hash", "_sealed")) or isinstance(column.type, sa.JSON):
        return True
    kind = plain_type(column)
    if not isinstance(kind, sa.String) or isinstance(kind, sa.Enum):
        return False
    return kind.length is None or kind.length >= _PROSE


def plain_type(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    """The type of a column below what dresses it up, such as an aware moment or a text of any database."""
    kind = column.type
    return kind.impl_instance if isinstance(kind, sa.TypeDecorator) else kind
