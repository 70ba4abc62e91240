"""Whether the trail holds: audit chains, feeds and the daily seals, read as a stream.

A seal of a day covers, for every chain of a study, the last entry made before that day ended (UTC).
It is made some minutes later, when every transaction of that day has committed, and so it can be
computed again from the entries alone at any time.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.access import CLOCK
from app.domain.audit import GENESIS, Change, Entry, Event, Fault, faults, link
from app.domain.feed import faults as feed_faults
from app.services.installation import Installation
from app.storage.changes import chain_of_study
from app.storage.columns import table_of
from app.storage.exchange import FeedEvent, FeedHead
from app.storage.study import Study
from app.storage.trail import AuditChain, AuditEntry, DaySeal

SETTLING = timedelta(minutes=15)
"""How long after a day's end it is sealed: longer than any transaction and any clock's error."""
_PAGE = 1000
_ENTRY = table_of(AuditEntry)
_FIELDS = tuple(column for column in _ENTRY.columns if column.name != "id")


def verify(installation: Installation) -> list[Fault]:
    """Every place where a chain, a feed or a seal does not hold; empty when the trail is whole.

    Reads one snapshot as a stream, in memory that does not grow with the trail. Source: AUD-04.
    """
    with installation.read() as session:
        if installation.engine.dialect.name == "postgresql":
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return [*_chain_faults(session), *_feed_faults(session), *_seal_faults(session)]


def _chain_faults(session: Session) -> Iterator[Fault]:
    joined = sa.outerjoin(AuditChain, AuditEntry, col(AuditEntry.chain) == col(AuditChain.chain))
    head: tuple[sa.ColumnElement[Any], ...] = (
        col(AuditChain.chain).label("name"),
        col(AuditChain.seq).label("last"),
        col(AuditChain.hash).label("end"),
    )
    statement = sa.select(*head, *_FIELDS).select_from(joined)
    rows = _streamed(session, statement.order_by(col(AuditChain.chain), col(AuditEntry.seq)))
    for (chain, last, end), entries in groupby(rows, key=lambda row: (row.name, row.last, row.end)):
        heads = {chain: (last, end)} if last else {}
        yield from faults((_entry(row) for row in entries if row.chain is not None), heads)
    headless = sa.select(col(AuditEntry.chain), col(AuditEntry.seq)).where(
        ~sa.exists().where(col(AuditChain.chain) == col(AuditEntry.chain))
    )
    for row in _streamed(session, headless):
        yield Fault(row.chain, row.seq, "belongs to no chain")


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(**{column.name: getattr(row, column.name) for column in _FIELDS})


def _streamed(session: Session, statement: sa.Executable) -> Iterable[sa.Row[Any]]:
    return session.execute(statement.execution_options(yield_per=_PAGE))


def _feed_faults(session: Session) -> Iterator[Fault]:
    for head in session.exec(select(FeedHead)).all():
        statement = sa.select(col(FeedEvent.seq), col(FeedEvent.line), col(FeedEvent.hash))
        statement = statement.where(col(FeedEvent.study_id) == head.study_id).order_by(col(FeedEvent.seq))
        lines = ((row.seq, row.line, row.hash) for row in _streamed(session, statement))
        yield from feed_faults(lines, (head.seq, head.hash), f"feed:{head.study_id}")


def day_to_seal(at: datetime) -> date:
    """The last day (UTC) that is over and settled at `at`."""
    return (at.astimezone(UTC) - SETTLING).date() - timedelta(days=1)


def seal_days(installation: Installation, at: datetime) -> int:
    """Seal the last settled day of every study that lacks its seal; returns how many were sealed."""
    with installation.read() as session:
        studies = list(session.exec(select(Study)))
    return sum(seal_day(installation, study, day_to_seal(at), at) for study in studies)


def seal_day(installation: Installation, study: Study, day: date, at: datetime) -> bool:
    """Seal one day of a study, once: a second call changes nothing and returns False."""
    chain, key = chain_of_study(study.id or 0), (study.id, day.isoformat())
    with installation.work(CLOCK, at) as work:
        work.lock(chain)
        if work.session.get(DaySeal, key) is not None:
            return False
        earlier = select(DaySeal).where(DaySeal.study_id == study.id).order_by(col(DaySeal.sealed_on).desc())
        last = work.session.exec(earlier.limit(1)).first()
        chains, digest = _digest(_heads_before(work.session, study.id or 0, day))
        hash_ = link(last.hash if last else GENESIS, digest)
        seal = DaySeal(
            study_id=study.id or 0, sealed_on=day.isoformat(), chains=chains, hash=hash_, sealed_at=at
        )
        work.session.add(seal)
        told = Change(f"day_seal:{seal.sealed_on}", "hash", None, hash_)
        work.record(Event.TRAIL_SEALED, chain, changes=[told])
    return True


def _heads_before(session: Session, study_id: int, day: date) -> Iterable[sa.Row[Any]]:
    """The last entry of each chain before the day ended, in an order that no locale changes."""
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    last = (
        select(AuditEntry.id)
        .where(col(AuditEntry.chain) == col(AuditChain.chain), col(AuditEntry.at) < end)
        .order_by(col(AuditEntry.seq).desc())
        .limit(1)
        .correlate(AuditChain)
        .scalar_subquery()
    )
    binary = "C" if session.get_bind().dialect.name == "postgresql" else "BINARY"
    statement = (
        sa.select(col(AuditEntry.chain), col(AuditEntry.seq), col(AuditEntry.hash))
        .select_from(AuditChain)
        .join(AuditEntry, col(AuditEntry.id) == last)
        .where(col(AuditChain.study_id) == study_id)
        .order_by(sa.collate(col(AuditEntry.chain), binary))
    )
    return _streamed(session, statement)


def _digest(heads: Iterable[sa.Row[Any]]) -> tuple[int, str]:
    chains, running = 0, hashlib.sha256()
    for head in heads:
        chains += 1
        running.update(f"{head.chain}:{head.seq}:{head.hash}\n".encode())
    return chains, running.hexdigest()


def _seal_faults(session: Session) -> Iterator[Fault]:
    for study_id in session.exec(select(Study.id).order_by(col(Study.id))).all():
        name, prev, last = f"seal:{study_id}", GENESIS, 0
        told = _told_seals(session, study_id or 0)
        rows = select(DaySeal).where(DaySeal.study_id == study_id).order_by(col(DaySeal.sealed_on))
        for last, seal in enumerate(session.exec(rows).all(), start=1):
            chains, digest = _digest(
                _heads_before(session, study_id or 0, date.fromisoformat(seal.sealed_on))
            )
            if (seal.chains, seal.hash) != (chains, link(prev, digest)):
                yield Fault(name, last, f"{seal.sealed_on} does not hold")
            if told.pop(seal.sealed_on, None) != seal.hash:
                yield Fault(name, last, f"{seal.sealed_on} is not the seal that the trail tells of")
            prev = seal.hash
        for day in told:
            yield Fault(name, last, f"{day} is missing")


def _told_seals(session: Session, study_id: int) -> dict[str, object]:
    statement = select(AuditEntry.changes).where(
        AuditEntry.chain == chain_of_study(study_id), AuditEntry.event == Event.TRAIL_SEALED.value
    )
    changes = [json.loads(text)[0] for text in session.exec(statement.order_by(col(AuditEntry.seq)))]
    return {change["record"].removeprefix("day_seal:"): change["new"] for change in changes}
