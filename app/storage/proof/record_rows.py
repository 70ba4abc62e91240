"""The stored rows that entries prove: those of one participant, those of nobody, and those that are lost."""

from collections.abc import Iterator
from dataclasses import dataclass
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
_OWNER = "owner"


@dataclass(frozen=True, slots=True)
class RowSource:
    """How the rows of a table are read. `of_owner` None: they belong to no participant."""

    proven: ProvenTable
    all_rows: sa.Select[Any]
    of_owner: sa.Select[Any] | None = None
    lost: sa.Select[Any] | None = None


@dataclass(frozen=True, slots=True)
class SlotDefinition:
    """By which plan and instrument a slot's response is scored."""

    study_id: int
    plan_version: str
    instrument: str
    instrument_version: str


def _as_stored(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """A column as the database returns it: what an owner wrote there may be no date, code or document at all.

    PostgreSQL's own types see to that, but for codes, which are plain text everywhere.
    """
    kind = plain_type(column)
    if isinstance(kind, sa.Enum):
        return sa.type_coerce(column, sa.String).label(column.name)
    if isinstance(kind, (sa.Date, sa.DateTime, sa.JSON)):
        raw = column.type.with_variant(sa.String(), "sqlite")
        return sa.type_coerce(column, raw).label(column.name)
    return column


def _source(proven: ProvenTable) -> RowSource:
    table = proven.table
    rows = sa.select(*(_as_stored(table.c[name]) for name in proven.columns))
    owner = sa.bindparam(_OWNER, type_=sa.Integer)
    whose = table.c.get("id" if table is _PARTICIPANT else "participant_id")
    if whose is not None:
        return RowSource(proven, rows, rows.where(whose == owner), rows.where(whose.not_in(_with_chain())))
    if "slot_id" in table.c:
        theirs = rows.join(_SLOT, _SLOT.c.id == table.c.slot_id).where(_SLOT.c.participant_id == owner)
        kept = sa.select(_SLOT.c.id).where(_SLOT.c.participant_id.in_(_with_chain()))
        return RowSource(proven, rows, theirs, rows.where(table.c.slot_id.not_in(kept)))
    return RowSource(proven, rows)


def _with_chain() -> sa.Select[tuple[int]]:
    """The participants of whom any entry tells."""
    chain = sa.literal("participant:").concat(sa.cast(_PARTICIPANT.c.id, sa.String))
    return sa.select(_PARTICIPANT.c.id).where(chain.in_(sa.select(col(AuditChain.chain))))


SOURCES = tuple(_source(proven) for proven in proven_tables())
SHARED = frozenset(source.proven.table.name for source in SOURCES if source.of_owner is None)
"""Tables whose rows belong to no participant: an entry of any chain may tell of them."""

_CODES = sa.select(col(Study.id), col(Study.code))
_DEFINITIONS = sa.select(_SLOT.c.id, *(_SLOT.c[name] for name in SlotDefinition.__slots__)).where(
    _SLOT.c.participant_id == sa.bindparam(_OWNER)
)


def read_rows_of_participant(
    connection: Connection, participant_id: int
) -> Iterator[tuple[ProvenTable, list[sa.Row[Any]]]]:
    """Everything of one participant, table by table."""
    for source in SOURCES:
        if source.of_owner is not None:
            rows = connection.execute(source.of_owner, {_OWNER: participant_id})
            yield source.proven, list(rows)


def stream_shared_rows(connection: Connection) -> Iterator[tuple[ProvenTable, Iterator[sa.Row[Any]]]]:
    """The rows that belong to no participant, table by table."""
    for source in SOURCES:
        if source.of_owner is None:
            yield source.proven, _stream(connection, source.all_rows)


def stream_lost_rows(connection: Connection) -> Iterator[tuple[ProvenTable, Iterator[sa.Row[Any]]]]:
    """Rows whose participant or slot is not there, or has no chain: no entry can tell of them."""
    for source in SOURCES:
        if source.lost is not None:
            yield source.proven, _stream(connection, source.lost)


def read_slot_definitions(connection: Connection, participant_id: int) -> dict[int, SlotDefinition]:
    """By the number of each slot of a participant."""
    rows = connection.execute(_DEFINITIONS, {_OWNER: participant_id})
    return {row[0]: SlotDefinition(*row[1:]) for row in rows}


def read_study_codes(connection: Connection) -> dict[int, str]:
    """The code of each study."""
    return {row.id: row.code for row in connection.execute(_CODES)}


def _stream(connection: Connection, statement: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    return iter(connection.execute(statement.execution_options(yield_per=_PAGE)))
