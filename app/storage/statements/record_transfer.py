"""Recording what an EDC pulled, with its audit entry: four plain statements for every page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlmodel import col

from app.domain.records.access import Actor
from app.domain.records.audit import GENESIS, AuditEvent, FieldChange
from app.storage.audit import append_if_unmoved, build_entry, covered_writes
from app.storage.engine import write_engine
from app.storage.proof.row_facts import FactKey, new_row_fact
from app.storage.row_changes import study_chain
from app.storage.tables.audit import AuditChain
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
    sa.select(col(AuditChain.chain), col(AuditChain.seq), col(AuditChain.hash), _LAST.label("feed_hash"))
    .where(col(AuditChain.chain) == sa.bindparam("of_chain"))
    .with_for_update()
)
_INSERT = sa.insert(Transfer).returning(col(Transfer.id))


@dataclass(frozen=True, slots=True)
class LockedChain:
    """Where a chain ends, held until commit, and the feed's hash at the last number transferred."""

    chain: str
    seq: int
    hash: str
    feed_hash: str


def record_transfer(
    engine: Engine, actor: Actor, at: datetime, transfer: Mapping[str, object], fact_key: FactKey
) -> None:
    """Store a transfer and its entry in the study's chain, in one transaction.

    `transfer` holds client, study, resource, range and rows; its digest is the feed's hash at `through`,
    which stands for everything before.
    """
    with write_engine(engine).begin() as connection:
        head = _lock_chain(connection, int(str(transfer["study_id"])), int(str(transfer["through"])))
        values = {**transfer, "sha256": head.feed_hash, "pulled_at": at}
        with covered_writes(connection, AuditEvent.FEED_PULLED, head.chain, "transfer"):
            key = connection.execute(_INSERT, values).scalar_one()
        changes = [FieldChange(f"transfer:{key}", name, None, value) for name, value in values.items()]
        facts = [new_row_fact(fact_key, "transfer", {**values, "id": key})]
        append_if_unmoved(
            connection, build_entry(head, AuditEvent.FEED_PULLED, actor, at, changes, facts=facts)
        )


def _lock_chain(connection: Connection, study_id: int, through: int) -> LockedChain:
    """Take the study's chain, which is there since the study has a client."""
    bounds = {"of_chain": study_chain(study_id), "study_id": study_id, "through": through}
    row = connection.execute(_HEAD, bounds).one()
    return LockedChain(row.chain, row.seq, row.hash, row.feed_hash or GENESIS)
