"""The stored rows that entries prove: those of participants, those of nobody, and those that are lost."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.storage.proof.row_facts import ProvenTable, plain_type, proven_tables
from app.storage.tables.audit import AuditChain
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study

_SLOT, _PARTICIPANT = table_of(Slot), table_of(Participant)
_PAGE = 1000
_OWNERS = "owners"


@dataclass(frozen=True, slots=True)
class RowSource:
    """How the rows of a table are read. `of_owners` None: they belong to no participant.

    Behind the columns of the table stands the number of the participant; of lost rows the key is read.
    """

    proven: ProvenTable
    all_rows: sa.Select[Any]
    of_owners: sa.Select[Any] | None = None
    lost: sa.Select[Any] | None = None


@dataclass(frozen=True, slots=True)
class SlotDefinition:
    """By which plan and instrument a slot's response is scored."""

    study_id: int
    plan_version: str
    instrument: str
    instrument_version: str


def _as_stored(column: sa.Column[Any], postgresql: bool) -> sa.ColumnElement[Any]:
    """A column as the database has it: what an owner wrote there may be no date, code or document at all.

    Days, instants (in UTC) and codes are read as text. PostgreSQL's own types see to the rest.
    """
    kind = plain_type(column)
    if isinstance(kind, (sa.Date, sa.DateTime)) and postgresql:
        utc = sa.func.timezone("UTC", column) if isinstance(kind, sa.DateTime) else column
        return sa.cast(utc, sa.String).label(column.name)
    if isinstance(kind, (sa.Date, sa.DateTime, sa.Enum)) or (isinstance(kind, sa.JSON) and not postgresql):
        return sa.type_coerce(column, sa.String).label(column.name)
    return column


@cache
def _sources(postgresql: bool) -> tuple[RowSource, ...]:
    """All tables whose rows entries prove, as one kind of database is asked for them."""
    return tuple(_source(proven, postgresql) for proven in proven_tables())


def _sources_of(connection: Connection) -> tuple[RowSource, ...]:
    return _sources(connection.dialect.name == "postgresql")


def _source(proven: ProvenTable, postgresql: bool) -> RowSource:
    table = proven.table
    rows = sa.select(*(_as_stored(table.c[name], postgresql) for name in proven.columns))
    keys = sa.select(*(table.c[name] for name in proven.key))
    whose = table.c.get("id" if table is _PARTICIPANT else "participant_id")
    if whose is not None:
        return RowSource(proven, rows, _of_owners(rows, whose), keys.where(whose.not_in(_with_chain())))
    if "slot_id" in table.c:
        theirs = _of_owners(rows.join(_SLOT, _SLOT.c.id == table.c.slot_id), _SLOT.c.participant_id)
        kept = sa.select(_SLOT.c.id).where(_SLOT.c.participant_id.in_(_with_chain()))
        return RowSource(proven, rows, theirs, keys.where(table.c.slot_id.not_in(kept)))
    return RowSource(proven, rows)


def _with_chain() -> sa.Select[tuple[int]]:
    """The participants of whom any entry tells."""
    chain = sa.literal("participant:").concat(sa.cast(_PARTICIPANT.c.id, sa.String))
    return sa.select(_PARTICIPANT.c.id).where(chain.in_(sa.select(col(AuditChain.chain))))


def _of_owners(rows: sa.Select[Any], owner: sa.ColumnElement[int]) -> sa.Select[Any]:
    """Of the rows those of some participants, each followed by the number of its participant."""
    return rows.add_columns(owner.label("owner")).where(owner.in_(sa.bindparam(_OWNERS, expanding=True)))


SHARED = frozenset(
    proven.table.name
    for proven in proven_tables()
    if proven.table is not _PARTICIPANT and {"participant_id", "slot_id"}.isdisjoint(proven.table.c.keys())
)
"""Tables whose rows belong to no participant: an entry of any chain may tell of them."""

_CODES = sa.select(col(Study.id), col(Study.code))
_DEFINITIONS = sa.select(_SLOT.c.id, *(_SLOT.c[name] for name in SlotDefinition.__slots__)).where(
    _SLOT.c.participant_id.in_(sa.bindparam(_OWNERS, expanding=True))
)


def read_rows_of_participants(
    connection: Connection, participants: Sequence[int]
) -> Sequence[tuple[ProvenTable, Mapping[int, Sequence[sa.Row[Any]]]]]:
    """Everything of some participants, table by table, by the number of the participant."""
    found = []
    for source in _sources_of(connection):
        if source.of_owners is not None:
            rows: defaultdict[int, list[sa.Row[Any]]] = defaultdict(list)
            for row in connection.execute(source.of_owners, {_OWNERS: participants}).all():
                rows[row[-1]].append(row)
            found.append((source.proven, rows))
    return found


def stream_shared_rows(connection: Connection) -> Iterator[tuple[ProvenTable, Iterator[sa.Row[Any]]]]:
    """The rows that belong to no participant, table by table."""
    for source in _sources_of(connection):
        if source.of_owners is None:
            yield source.proven, _stream(connection, source.all_rows)


def stream_lost_keys(connection: Connection) -> Iterator[tuple[ProvenTable, Iterator[sa.Row[Any]]]]:
    """The keys of rows whose participant or slot is not there, or has no chain: no entry can tell of them."""
    for source in _sources_of(connection):
        if source.lost is not None:
            yield source.proven, _stream(connection, source.lost)


def read_slot_definitions(connection: Connection, participants: Sequence[int]) -> dict[int, SlotDefinition]:
    """By the number of each slot of some participants."""
    rows = connection.execute(_DEFINITIONS, {_OWNERS: participants})
    return {row[0]: SlotDefinition(*row[1:]) for row in rows}


def read_study_codes(connection: Connection) -> dict[int, str]:
    """The code of each study."""
    return {row.id: row.code for row in connection.execute(_CODES)}


def _stream(connection: Connection, statement: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    for page in connection.execute(statement.execution_options(yield_per=_PAGE)).partitions():
        yield from page
