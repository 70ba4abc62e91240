"""Heads of the trail that were kept outside the database: written, read, and compared with what is stored.

Whoever owns the database could write the whole trail anew, every hash and head of it. Only a head that
somebody else keeps contradicts that.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.domain.records.audit import IntegrityFault, canonical_json
from app.services.core.installation import Installation
from app.storage.tables.audit import AuditChain, AuditEntry, DaySeal
from app.storage.tables.feed import FeedEvent, FeedHead
from app.storage.tables.studies import Study


class BadHeads(ValueError):
    """A file of heads holds something else."""


class HeadKind(StrEnum):
    """What a head ends: an audit chain, a feed, or a study's trail at the end of a day."""

    CHAIN = "chain"
    FEED = "feed"
    SEAL = "seal"


@dataclass(frozen=True, slots=True)
class ExternalHead:
    """A hash that was once true of a chain or a feed (by its id) at a number, or of a trail on a day."""

    kind: HeadKind
    name: str
    hash: str
    seq: int = 0
    day: str = ""
    chains: int = 0


def parse_heads(text: str) -> list[ExternalHead]:
    """The heads of a file: a JSON object a line, each a head or the page of an EDC pull.

    Raises BadHeads naming the line that is neither.
    """
    heads: list[ExternalHead] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                heads += _heads_of(json.loads(line))
            except (ValueError, TypeError, LookupError, AttributeError) as wrong:
                raise BadHeads(f"line {number} holds no head of the trail") from wrong
    return heads


def find_head_faults(session: Session, heads: Iterable[ExternalHead]) -> Iterator[IntegrityFault]:
    """Every head that the stored trail contradicts."""
    studies = {study.feed: study.id for study in session.exec(select(Study))}
    for head in heads:
        study_id = studies.get(head.name, 0)
        if head.kind is not HeadKind.CHAIN and not study_id:
            yield IntegrityFault(
                f"feed:{head.name}", head.seq, "an external head names a feed that is not here"
            )
        elif session.exec(_stored_hash(head, study_id)).one_or_none() != head.hash:
            name = head.name if head.kind is HeadKind.CHAIN else f"{head.kind}:{study_id}"
            of = f" of {head.day}" if head.day else ""
            yield IntegrityFault(name, head.seq, f"an external head{of} says otherwise")


def _stored_hash(head: ExternalHead, study_id: int) -> SelectOfScalar[str]:
    if head.kind is HeadKind.CHAIN:
        return select(AuditEntry.hash).where(AuditEntry.chain == head.name, AuditEntry.seq == head.seq)
    if head.kind is HeadKind.FEED:
        return select(FeedEvent.hash).where(FeedEvent.study_id == study_id, FeedEvent.seq == head.seq)
    seal = select(DaySeal.hash).where(DaySeal.study_id == study_id, DaySeal.sealed_on == head.day)
    return seal.where(DaySeal.chains == head.chains)


def list_heads(installation: Installation) -> list[str]:
    """All heads as they are now, a line each, for whoever keeps them elsewhere."""
    with installation.read() as session:
        return list(_format_heads(session))


def _format_heads(session: Session) -> Iterator[str]:
    for chain in session.exec(select(AuditChain).order_by(col(AuditChain.chain))):
        if chain.seq:
            yield canonical_json({"chain": chain.chain, "seq": chain.seq, "hash": chain.hash})
    for study in session.exec(select(Study).order_by(col(Study.id))).all():
        head = session.get_one(FeedHead, study.id)
        if head.seq:
            yield canonical_json({"feed": study.feed, "seq": head.seq, "hash": head.hash})
        seals = select(DaySeal).where(DaySeal.study_id == study.id).order_by(col(DaySeal.sealed_on).desc())
        if seal := session.exec(seals.limit(1)).first():
            yield canonical_json(
                {"feed": study.feed, "day": seal.sealed_on, "chains": seal.chains, "hash": seal.hash}
            )


def _heads_of(line: Mapping[str, Any]) -> Iterator[ExternalHead]:
    if "audit_head" in line:
        yield from _heads_of_page(line)
    elif "chain" in line:
        yield ExternalHead(HeadKind.CHAIN, _text(line["chain"]), _text(line["hash"]), _whole(line["seq"]))
    elif "day" in line:
        yield _seal(line["feed"], line)
    else:
        yield _feed_head(line["feed"], line)


def _heads_of_page(page: Mapping[str, Any]) -> Iterator[ExternalHead]:
    if page["audit_head"] is not None:
        yield _seal(page["feed"], page["audit_head"])
    for event in page.get("items", [])[-1:]:
        if "hash" in event:
            yield _feed_head(page["feed"], event)


def _feed_head(feed: object, event: Mapping[str, Any]) -> ExternalHead:
    return ExternalHead(HeadKind.FEED, _text(feed), _text(event["hash"]), _whole(event["seq"]))


def _seal(feed: object, seal: Mapping[str, Any]) -> ExternalHead:
    day, chains = _text(seal["day"]), _whole(seal["chains"])
    return ExternalHead(HeadKind.SEAL, _text(feed), _text(seal["hash"]), day=day, chains=chains)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**31:
        raise TypeError(value)
    return value
