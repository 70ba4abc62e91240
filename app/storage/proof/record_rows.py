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
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Participant
from app.storage.tables.studies import Study

_PARTICIPANT = table_of(Participant)
_PAGE = 1000
_OWNERS = "owners"
_WITH_CHAIN = (
    "SELECT participant.id FROM participant"
    " WHERE 'participant:' || CAST(participant.id AS VARCHAR) IN (SELECT chain FROM audit_chain)"
)
"""The participants of whom any entry tells."""


@dataclass(frozen=True, slots=True)
class RowSource:
    """How the rows of a table are read. `of_owners` None: they belong to no participant.

    Behind the columns of the table stands the number of the participant; `lost` reads table and key of rows
    of which no entry can tell. These statements are plain text, made of names of tables alone: to have some
    seventy of them compiled would cost a short trail more than all its rows.
    """

    proven: ProvenTable
    all_rows: sa.TextClause
    of_owners: sa.TextClause | None
    lost: str | None


def _as_stored(column: sa.Column[Any], postgresql: bool) -> str:
    """A column as the database has it: what an owner wrote there may be no date, code or document at all.

    Days and instants (in UTC) are read as text, as SQLite has them anyway.
    """
    named, kind = f"{column.table.name}.{column.name}", plain_type(column)
    if postgresql and isinstance(kind, (sa.Date, sa.DateTime)):
        utc = f"timezone('UTC', {named})" if isinstance(kind, sa.DateTime) else named
        return f"CAST({utc} AS VARCHAR) AS {column.name}"
    return named


@cache
def _sources(postgresql: bool) -> tuple[RowSource, ...]:
    """All tables whose rows entries prove, as one kind of database is asked for them."""
    return tuple(_source(proven, postgresql) for proven in proven_tables())


def _sources_of(connection: Connection) -> tuple[RowSource, ...]:
    return _sources(connection.dialect.name == "postgresql")


@cache
def _lost_rows(postgresql: bool) -> sa.TextClause:
    return sa.text(" UNION ALL ".join(source.lost for source in _sources(postgresql) if source.lost))


def _source(proven: ProvenTable, postgresql: bool) -> RowSource:
    table = proven.table
    name, columns = table.name, ", ".join(_as_stored(table.c[name], postgresql) for name in proven.columns)
    key = " || '/' || ".join(f"CAST({name}.{column} AS VARCHAR)" for column in proven.key)
    lost = f"SELECT '{name}' AS of_table, {key} AS row_key FROM {name} WHERE {name}"  # noqa: S608 - names of tables
    if table is _PARTICIPANT or "participant_id" in table.c:
        owner = "id" if table is _PARTICIPANT else "participant_id"
        theirs = _of_owners(f"{columns}, {name}.{owner} AS owner FROM {name}", f"{name}.{owner}")
        return RowSource(proven, _rows(columns, name), theirs, f"{lost}.{owner} NOT IN ({_WITH_CHAIN})")
    if "slot_id" in table.c:
        joined = f"{columns}, slot.participant_id AS owner FROM {name} JOIN slot ON slot.id = {name}.slot_id"
        slots = f"SELECT slot.id FROM slot WHERE slot.participant_id IN ({_WITH_CHAIN})"  # noqa: S608 - names of tables
        theirs = _of_owners(joined, "slot.participant_id")
        return RowSource(proven, _rows(columns, name), theirs, f"{lost}.slot_id NOT IN ({slots})")
    return RowSource(proven, _rows(columns, name), None, None)


def _rows(columns: str, table: str) -> sa.TextClause:
    return sa.text(f"SELECT {columns} FROM {table}")  # noqa: S608 - names of tables


def _of_owners(rows: str, owner: str) -> sa.TextClause:
    """The rows of some participants, each followed by the number of its participant."""
    some = sa.bindparam(_OWNERS, expanding=True, type_=sa.Integer())
    return sa.text(f"SELECT {rows} WHERE {owner} IN :{_OWNERS}").bindparams(some)


SHARED = frozenset(
    proven.table.name
    for proven in proven_tables()
    if proven.table is not _PARTICIPANT and {"participant_id", "slot_id"}.isdisjoint(proven.table.c.keys())
)
"""Tables whose rows belong to no participant: an entry of any chain may tell of them."""

_CODES = sa.select(col(Study.id), col(Study.code))


def read_rows_of_participants(
    connection: Connection, participants: Sequence[int]
) -> Sequence[tuple[ProvenTable, Mapping[int, Sequence[sa.Row[Any]]]]]:
    """Everything of some participants, table by table, by the number of the participant."""
    tables = []
    for source in _sources_of(connection):
        if source.of_owners is not None:
            rows: defaultdict[int, list[sa.Row[Any]]] = defaultdict(list)
            for row in connection.execute(source.of_owners, {_OWNERS: participants}).all():
                rows[row[-1]].append(row)
            tables.append((source.proven, rows))
    return tables


def list_shared_rows(connection: Connection) -> Iterator[tuple[ProvenTable, Sequence[sa.Row[Any]]]]:
    """The rows that belong to no participant, table by table; what entries tell of them is in memory, too."""
    for source in _sources_of(connection):
        if source.of_owners is None:
            yield source.proven, connection.execute(source.all_rows).all()


def stream_lost_keys(connection: Connection) -> Iterator[tuple[str, str]]:
    """Table and key of each row whose participant or slot is missing, or has no chain to tell of it."""
    lost = _lost_rows(connection.dialect.name == "postgresql").execution_options(yield_per=_PAGE)
    with connection.execute(lost) as rows:
        for row in rows:
            yield row.of_table, row.row_key


def read_study_codes(connection: Connection) -> dict[int, str]:
    """The code of each study."""
    return {row.id: row.code for row in connection.execute(_CODES)}
