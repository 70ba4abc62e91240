"""Verifying the audit trail: chains, feeds and daily seals, read as a stream."""

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.records.audit import (
    GENESIS,
    ChainEntry,
    IntegrityFault,
    find_chain_faults,
    link_hash,
)
from app.domain.records.feed import find_feed_faults as feed_faults
from app.services.audit.audit_seals import (
    digest_heads,
    list_clock_confirmations,
    list_recorded_seals,
    order_seals,
    stream_heads_before,
    stream_rows,
    was_sealed_ahead,
)
from app.services.core.installation import Installation
from app.storage.tables.audit import AuditChain, AuditEntry, DaySeal
from app.storage.tables.columns import table_of
from app.storage.tables.feed import FeedEvent, FeedHead
from app.storage.tables.studies import Study

_ENTRY = table_of(AuditEntry)
_FIELDS = tuple(column for column in _ENTRY.columns if column.name != "id")


def verify_trail(installation: Installation) -> list[IntegrityFault]:
    """Every place where a chain, a feed or a seal does not hold; empty when the trail is whole.

    Reads one snapshot as a stream, in memory that does not grow with the trail. Source: AUD-04.
    """
    with installation.read() as session:
        if installation.engine.dialect.name == "postgresql":
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return [*_chain_faults(session), *_feed_faults(session), *_seal_faults(session)]


def _chain_faults(session: Session) -> Iterator[IntegrityFault]:
    joined = sa.outerjoin(AuditChain, AuditEntry, col(AuditEntry.chain) == col(AuditChain.chain))
    head: tuple[sa.ColumnElement[Any], ...] = (
        col(AuditChain.chain).label("name"),
        col(AuditChain.seq).label("last"),
        col(AuditChain.hash).label("end"),
    )
    statement = sa.select(*head, *_FIELDS).select_from(joined)
    rows = stream_rows(session, statement.order_by(col(AuditChain.chain), col(AuditEntry.seq)))
    for (chain, last, end), entries in groupby(rows, key=lambda row: (row.name, row.last, row.end)):
        heads = {chain: (last, end)} if last else {}
        yield from find_chain_faults((_entry(row) for row in entries if row.chain is not None), heads)
    headless = sa.select(col(AuditEntry.chain), col(AuditEntry.seq)).where(
        ~sa.exists().where(col(AuditChain.chain) == col(AuditEntry.chain))
    )
    for row in stream_rows(session, headless):
        yield IntegrityFault(row.chain, row.seq, "belongs to no chain")


def _entry(row: sa.Row[Any]) -> ChainEntry:
    return ChainEntry(**{column.name: getattr(row, column.name) for column in _FIELDS})


def _feed_faults(session: Session) -> Iterator[IntegrityFault]:
    for head in session.exec(select(FeedHead)).all():
        statement = sa.select(col(FeedEvent.seq), col(FeedEvent.line), col(FeedEvent.hash))
        statement = statement.where(col(FeedEvent.study_id) == head.study_id).order_by(col(FeedEvent.seq))
        lines = ((row.seq, row.line, row.hash) for row in stream_rows(session, statement))
        yield from feed_faults(lines, (head.seq, head.hash), f"feed:{head.study_id}")


def _seal_faults(session: Session) -> Iterator[IntegrityFault]:
    confirmations = list_clock_confirmations(session)
    for study_id in session.exec(select(Study.id).order_by(col(Study.id))).all():
        name, prev, last = f"seal:{study_id}", GENESIS, 0
        recorded = {seal.day: seal for seal in list_recorded_seals(session, study_id or 0)}
        rows = session.exec(select(DaySeal).where(DaySeal.study_id == study_id)).all()
        for last, seal in enumerate(order_seals(rows, recorded), start=1):
            told, day = recorded.pop(seal.sealed_on, None), date.fromisoformat(seal.sealed_on)
            before = told.entry_id if told and was_sealed_ahead(told, confirmations) else None
            chains, digest = digest_heads(stream_heads_before(session, study_id or 0, day, before))
            if (seal.chains, seal.hash) != (chains, link_hash(prev, digest)):
                yield IntegrityFault(name, last, f"{seal.sealed_on} does not hold")
            if told is None or told.hash != seal.hash:
                yield IntegrityFault(name, last, f"{seal.sealed_on} is not the seal that the trail tells of")
            prev = seal.hash
        for missing in recorded:
            yield IntegrityFault(name, last, f"{missing} is missing")
