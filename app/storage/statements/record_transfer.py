"""What an EDC pulled, noted and audited by four plain statements: every page of changes ends with this."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.records.audit import GENESIS, ChainEntry
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.edc import Transfer
from app.storage.tables.feed import FeedEvent

_LAST = (
    sa.select(col(FeedEvent.hash))
    .where(
        col(FeedEvent.study_id) == sa.bindparam("study_id"),
        col(FeedEvent.seq) == sa.bindparam("through"),
    )
    .scalar_subquery()
)
_HEAD = (
    sa.select(col(AuditChain.seq), col(AuditChain.hash), _LAST.label("feed_hash"))
    .where(col(AuditChain.chain) == sa.bindparam("of_chain"))
    .with_for_update()
)
_NOTE = sa.insert(Transfer).returning(col(Transfer.id))
_ENTER = sa.insert(AuditEntry).inline()
_MOVE = (
    sa.update(AuditChain)
    .where(col(AuditChain.chain) == sa.bindparam("of_chain"))
    .values(seq=sa.bindparam("to_seq"), hash=sa.bindparam("to_hash"))
)


@dataclass(frozen=True, slots=True)
class LockedChain:
    """Where a chain ends, held until commit, and the feed's hash at the last number handed over."""

    seq: int
    hash: str
    feed_hash: str


def lock_study_chain(connection: Connection, chain: str, study_id: int, through: int) -> LockedChain:
    """Take the study's chain, which is there since the study has a client."""
    asked = {"of_chain": chain, "study_id": study_id, "through": through}
    row = connection.execute(_HEAD, asked).one()
    return LockedChain(row.seq, row.hash, row.feed_hash or GENESIS)


def insert_transfer(connection: Connection, transfer: dict[str, Any]) -> int:
    """Store a transfer; its key."""
    return int(connection.execute(_NOTE, transfer).scalar_one() or 0)


def append_entry(connection: Connection, entry: ChainEntry) -> None:
    """Append an entry to the chain that `lock_study` holds."""
    connection.execute(_ENTER, entry.row())
    connection.execute(_MOVE, {"of_chain": entry.chain, "to_seq": entry.seq, "to_hash": entry.hash})
