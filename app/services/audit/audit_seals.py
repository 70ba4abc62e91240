"""Sealing the audit trail: one digest per study and day over the heads of all its chains.

A seal of a day covers, for every chain of a study, the last entry made before that day ended (UTC).
It is made some minutes later, when every transaction of that day has committed, and so it can be
computed again from the entries alone at any time.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.records.audit import (
    GENESIS,
    AuditEvent,
    FieldChange,
    link_hash,
)
from app.services.core.context import ClockContext
from app.storage.row_changes import INSTALLATION_CHAIN, study_chain
from app.storage.tables.audit import AuditChain, AuditEntry, DaySeal
from app.storage.tables.studies import Study

SETTLING = timedelta(minutes=15)
"""How long after a day's end it is sealed: longer than any transaction and any clock's error."""
_PAGE = 1000


def stream_rows(
    session: Session, statement: sa.Executable, bounds: Mapping[str, object] | None = None
) -> Iterable[sa.Row[Any]]:
    """The rows of a statement, a thousand at a time."""
    return session.execute(statement.execution_options(yield_per=_PAGE), bounds)


def day_to_seal(at: datetime) -> date:
    """The last day (UTC) that is over and settled at `at`."""
    return (at.astimezone(UTC) - SETTLING).date() - timedelta(days=1)


def seal_days(context: ClockContext) -> int:
    """Seal the last settled day of every study that lacks its seal; returns how many were sealed."""
    with context.read() as session:
        studies = list(session.exec(select(Study)))
    return sum(seal_day(context, study, day_to_seal(context.at)) for study in studies)


def seal_day(context: ClockContext, study: Study, day: date) -> bool:
    """Seal one day of a study, once: a second call changes nothing and returns False."""
    chain, key = study_chain(study.id), (study.id, day.isoformat())
    with context.unit_of_work() as work:
        work.lock(chain)
        if work.session.get(DaySeal, key) is not None:
            return False
        last = _last_seal(work.session, study.id)
        chains, digest = digest_heads(stream_heads_before(work.session, study.id, day))
        hash_ = link_hash(last.hash if last else GENESIS, digest)
        seal = DaySeal(
            study_id=study.id, sealed_on=day.isoformat(), chains=chains, hash=hash_, sealed_at=context.at
        )
        work.session.add(seal)
        change = FieldChange(f"day_seal:{seal.sealed_on}", "hash", None, hash_)
        work.record(AuditEvent.TRAIL_SEALED, chain, changes=[change])
    return True


@dataclass(frozen=True, slots=True)
class RecordedSeal:
    """A seal as the trail tells of it: its day and hash, when it was made, and the key of the entry."""

    day: str
    hash: object
    at: datetime
    entry_id: int


def list_recorded_seals(session: Session, study_id: int) -> list[RecordedSeal]:
    """The seals of a study in the order in which they were made, which links them."""
    rows = session.execute(_sealing_entries(study_id).order_by(col(AuditEntry.seq))).all()
    return [_recorded_seal(row) for row in rows]


def _last_seal(session: Session, study_id: int) -> DaySeal | None:
    """The seal that was made last; a clock that was ahead may have dated an earlier one later."""
    newest = _sealing_entries(study_id).order_by(col(AuditEntry.seq).desc()).limit(1)
    row = session.execute(newest).first()
    return session.get(DaySeal, (study_id, _recorded_seal(row).day)) if row is not None else None


def _sealing_entries(study_id: int) -> sa.Select[*tuple[Any, ...]]:
    chain, event = study_chain(study_id), AuditEvent.TRAIL_SEALED.value
    return sa.select(col(AuditEntry.id), col(AuditEntry.at), col(AuditEntry.changes)).where(
        col(AuditEntry.chain) == chain, col(AuditEntry.event) == event
    )


def _recorded_seal(row: sa.Row[Any]) -> RecordedSeal:
    change = json.loads(row.changes)[0]
    return RecordedSeal(change["record"].removeprefix("day_seal:"), change["new"], row.at, row.id)


def list_clock_confirmations(session: Session) -> list[tuple[int, datetime]]:
    """Each confirmation of the clock in the trail: the key of its entry, and what the clock showed."""
    statement = sa.select(col(AuditEntry.id), col(AuditEntry.at)).where(
        col(AuditEntry.chain) == INSTALLATION_CHAIN,
        col(AuditEntry.event) == AuditEvent.CLOCK_CONFIRMED.value,
    )
    return [(row.id, row.at) for row in session.execute(statement)]


def order_seals(seals: Iterable[DaySeal], recorded: Collection[str]) -> list[DaySeal]:
    """Seals in the order in which the trail tells of their days; those that it does not tell of come last."""
    places = {day: index for index, day in enumerate(recorded)}
    return sorted(seals, key=lambda seal: (places.get(seal.sealed_on, len(places)), seal.sealed_on))


def was_sealed_ahead(seal: RecordedSeal, confirmations: Iterable[tuple[int, datetime]]) -> bool:
    """Whether an operator's confirmation of the clock, made after it, says that its day was not over then."""
    settled = _day_end(date.fromisoformat(seal.day)) + SETTLING
    return any(entry_id > seal.entry_id and at < settled for entry_id, at in confirmations)


def _day_end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def stream_heads_before(
    session: Session, study_id: int, day: date, entry_id: int | None = None
) -> Iterable[sa.Row[Any]]:
    """The last entry of each chain before the day ended, in an order that no locale changes.

    With `entry_id` only what was written before that entry counts: the day was sealed ahead, by a clock that
    was set back since, and what came later is dated into it too.
    """
    counted = sa.true() if entry_id is None else col(AuditEntry.id) < entry_id
    last = (
        select(AuditEntry.id)
        .where(col(AuditEntry.chain) == col(AuditChain.chain), col(AuditEntry.at) < _day_end(day), counted)
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
    return stream_rows(session, statement)


def digest_heads(heads: Iterable[sa.Row[Any]]) -> tuple[int, str]:
    """How many chains there are, and one digest over their heads."""
    chains, running = 0, hashlib.sha256()
    for head in heads:
        chains += 1
        running.update(f"{head.chain}:{head.seq}:{head.hash}\n".encode())
    return chains, running.hexdigest()
