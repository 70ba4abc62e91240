"""The one place where audit entries are built and heads of chains move.

A unit of work and the hot statements alike get their entries here. Each answers for rows of its own chain in
the tables that its event covers: a write to another table is refused before it reaches the database, and
nothing is committed while a row lacks the entry of its chain (AUD-01).
"""

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.records.access import Actor
from app.domain.records.audit import (
    GENESIS,
    AuditEvent,
    ChainEntry,
    FieldChange,
    link_entry,
    serialise_changes,
)
from app.storage.database.plain_reads import PlainRead
from app.storage.database.write_guard import HEAD_CHAIN, WriteRefused
from app.storage.engine import allow_tables, find_write_guard
from app.storage.proof.event_tables import COVERS
from app.storage.proof.row_facts import RowFact, serialise_facts
from app.storage.row_changes import BOOKKEEPING, TECHNICAL_TABLES
from app.storage.tables.audit import AuditChain, AuditEntry


class UnauditedChange(WriteRefused):
    """A transaction changed a record that none of its events covers."""


class UnpublishedChange(WriteRefused):
    """A transaction changed what the feed says of a form, and did not compare the two."""


class ChainHead(Protocol):
    """Where a chain ends: its last number and hash, as a row of any kind has them."""

    @property
    def chain(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def hash(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LinkedEntry:
    """An entry in its place of a chain. Only `build_entry` makes it, and hot statements take nothing else.

    `tables` are those of whose rows it states what they hold since.
    """

    entry: ChainEntry
    tables: frozenset[str] = frozenset()


def build_entry(
    head: ChainHead,
    event: AuditEvent,
    actor: Actor,
    at: datetime,
    changes: Iterable[FieldChange],
    reason: str | None = None,
    facts: Collection[RowFact] = (),
) -> LinkedEntry:
    """The next entry of a chain, linked to its head; nothing is written yet.

    `changes` tell people what happened, `facts` state what each changed row holds since.
    """
    body = ChainEntry(
        chain=head.chain,
        seq=head.seq + 1,
        event=event.value,
        at=at,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_role=actor.role,
        changes=serialise_changes(changes),
        reason=reason,
        reason_salt=secrets.token_hex(8) if reason is not None else None,
        facts=serialise_facts(facts),
    )
    return LinkedEntry(link_entry(body, head.hash), frozenset({fact.table for fact in facts}))


_TRAIL: Mapping[str, None] = {"audit_chain": None, "audit_entry": None}
"""What an entry itself is stored in."""


@contextmanager
def covered_writes(connection: Connection, event: AuditEvent, chain: str, *tables: str) -> Iterator[None]:
    """Let a connection write rows of this chain in these tables for this event, and no others.

    Its entry is stored inside, or owed from then on: without it nothing is committed. Rows that are there
    already are named by their keys. Raises UnauditedChange for a table that the event does not cover.

    Whose row stands behind a key the guard cannot know without reading it again: whoever builds the values
    read the row together with the head of its chain (`require_chain`), and `verify-audit` compares the rows
    of each participant with the entries of their chain alone.
    """
    missing = set(tables) - COVERS.get(event, frozenset()) - TECHNICAL_TABLES
    if missing:
        raise UnauditedChange(f"{event.value} does not cover {', '.join(sorted(missing))}")
    records = dict.fromkeys(set(tables) - TECHNICAL_TABLES, chain)
    with allow_tables(connection, {**_TRAIL, **dict.fromkeys(tables)}, audited=records):
        yield


@contextmanager
def audited_writes(connection: Connection, audited: LinkedEntry, *tables: str) -> Iterator[None]:
    """`covered_writes` for the event of an entry that is written along with them.

    Raises UnauditedChange too for a table of whose rows the entry states nothing.
    """
    with covered_writes(connection, AuditEvent(audited.entry.event), audited.entry.chain, *tables):
        if unstated := set(tables) - audited.tables - TECHNICAL_TABLES:
            raise UnauditedChange(f"the entry states nothing of {', '.join(sorted(unstated))}")
        yield


@contextmanager
def bookkeeping_writes(connection: Connection, table: str, columns: Collection[str]) -> Iterator[None]:
    """Let a connection write columns that need no entry (`BOOKKEEPING`, technical tables).

    Raises UnauditedChange for any other column.
    """
    if table not in TECHNICAL_TABLES:
        for name in columns:
            if f"{table}.{name}" not in BOOKKEEPING:
                raise UnauditedChange(f"{table}.{name} changes only with an event")
    with allow_tables(connection, {table: None if table in TECHNICAL_TABLES else frozenset(columns)}):
        yield


def require_chain(audited: LinkedEntry, chain: str) -> None:
    """Raise UnauditedChange for an entry of another chain than this one, to which the rows belong."""
    if audited.entry.chain != chain:
        raise UnauditedChange(f"an entry of {audited.entry.chain} covers no row of {chain}")


def require_rows_of_slot(slot_id: int, rows: Iterable[int]) -> None:
    """Raise WriteRefused unless each row, given by its slot, is of the one that was read with the head."""
    if not {slot_id}.issuperset(rows):
        raise WriteRefused(f"a row is not one of slot {slot_id}")


MOVE_HEAD_IF_UNMOVED = (
    sa.update(AuditChain)
    .where(
        col(AuditChain.chain) == sa.bindparam(HEAD_CHAIN), col(AuditChain.hash) == sa.bindparam("head_was")
    )
    .values(seq=sa.bindparam("head_seq"), hash=sa.bindparam("head_is"))
)
"""Optimistic lock: moves a chain's head only if it still is where it was read."""

_INSERT_ENTRY = sa.insert(AuditEntry).inline()


def move_head_values(audited: LinkedEntry) -> dict[str, Any]:
    """The values of `MOVE_HEAD_IF_UNMOVED` for this entry."""
    entry = audited.entry
    return {
        HEAD_CHAIN: entry.chain,
        "head_was": entry.prev_hash,
        "head_seq": entry.seq,
        "head_is": entry.hash,
    }


def append_if_unmoved(connection: Connection, audited: LinkedEntry) -> bool:
    """Append an entry under an optimistic lock: False, and nothing written, if the head has moved."""
    with allow_tables(connection, _TRAIL):
        if connection.execute(MOVE_HEAD_IF_UNMOVED, move_head_values(audited)).rowcount != 1:
            return False
        connection.execute(_INSERT_ENTRY, audited.entry.as_row())
    find_write_guard(connection).accept_entry(audited.entry.chain, audited.tables)
    return True


@dataclass(slots=True)
class LockedHead:
    """The head of a chain while its row is locked: where the entries that were built so far end.

    `read`: whether it is known; a hot statement moves it in the database alone.
    """

    chain: str
    seq: int
    hash: str
    read: bool = True


_HEAD = PlainRead(
    sa.select(col(AuditChain.seq), col(AuditChain.hash))
    .where(col(AuditChain.chain) == sa.bindparam("head_chain"))
    .with_for_update()
)
_INSERT_HEAD = sa.insert(AuditChain).inline()
_MOVE_LOCKED_HEAD = (
    sa.update(AuditChain)
    .where(col(AuditChain.chain) == sa.bindparam("head_chain"))
    .values(seq=sa.bindparam("head_seq"), hash=sa.bindparam("head_is"))
)


def lock_head(connection: Connection, chain: str, study_id: int | None) -> LockedHead:
    """Take the row lock of a chain's head until the transaction ends; a new chain begins with it."""
    rows = _HEAD.fetch(connection, {"head_chain": chain})
    if rows:
        ((seq, hash_),) = rows
        return LockedHead(chain, seq, hash_)
    first = LockedHead(chain, 0, GENESIS)
    with allow_tables(connection, _TRAIL):
        connection.execute(
            _INSERT_HEAD, {"chain": chain, "study_id": study_id, "seq": first.seq, "hash": first.hash}
        )
    return first


def insert_linked_entries(connection: Connection, entries: Collection[LinkedEntry]) -> None:
    """Store the entries of heads that are locked, and move these to the last of them."""
    if entries:
        last = {audited.entry.chain: audited.entry for audited in entries}
        moved = [
            {"head_chain": chain, "head_seq": entry.seq, "head_is": entry.hash}
            for chain, entry in last.items()
        ]
        with allow_tables(connection, _TRAIL):
            connection.execute(_MOVE_LOCKED_HEAD, moved)
            connection.execute(_INSERT_ENTRY, [audited.entry.as_row() for audited in entries])
        guard = find_write_guard(connection)
        for audited in entries:
            guard.accept_entry(audited.entry.chain, COVERS.get(AuditEvent(audited.entry.event), frozenset()))
