"""The unit of work: one transaction that refuses any change no declared event covers.

It collects old → new per field as the rows are flushed, writes one linked audit entry per
event, numbers the feed events last, and commits. A forgotten event, a bulk statement or a
bare commit is refused, whichever code path it came from (AUD-01).
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import ORMExecuteState, UOWTransaction
from sqlmodel import Session, select

from app.domain.records.access import Actor
from app.domain.records.audit import (
    COVERS,
    GENESIS,
    AuditEvent,
    ChainEntry,
    FieldChange,
    canonical_json,
    link_entry,
)
from app.domain.records.feed import FeedEventDraft
from app.storage.engine import WriteRefused, writing
from app.storage.feed_log import append_feed_event
from app.storage.row_changes import chain_of_row, row_changes
from app.storage.tables.audit import AuditChain, AuditEntry


class UnauditedChange(WriteRefused):
    """A transaction changed a record that none of its events covers."""


@dataclass(slots=True)
class DeclaredEvent:
    """An event recorded in this transaction, with the changes it answers for."""

    event: AuditEvent
    chain: str
    study_id: int | None
    reason: str | None
    changes: list[FieldChange] = field(default_factory=list)


class UnitOfWork:
    """One transaction by one actor at one moment. Use as a context manager; leaving it commits."""

    def __init__(self, engine: Engine, actor: Actor, at: datetime) -> None:
        self.actor, self.at = actor, at
        self.session = Session(writing(engine), autoflush=False, expire_on_commit=False)
        self._noted: list[DeclaredEvent] = []
        self._collected: list[tuple[str, str | None, FieldChange]] = []
        self._drafts: list[tuple[int, FeedEventDraft]] = []
        self._heads: dict[str, AuditChain] = {}
        self._declared = self._closing = False
        sa_event.listen(self.session, "after_flush", self._collect)
        sa_event.listen(self.session, "do_orm_execute", self._refuse_bulk)
        sa_event.listen(self.session, "before_commit", self._refuse_bare_commit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            self.session.close()

    def lock(self, chain: str, study_id: int | None = None) -> None:
        """Take the chain's row: everything that changes one participant's facts waits in line here.

        What was read before waiting may be out of date by now, so it is read again when next used.
        """
        if chain not in self._heads:
            self.session.flush()
            self.session.expire_all()
            self._head(chain, study_id)

    def _head(self, chain: str, study_id: int | None) -> AuditChain:
        head = self._heads.get(chain)
        if head is None:
            statement = select(AuditChain).where(AuditChain.chain == chain).with_for_update()
            head = self.session.exec(statement).one_or_none()
        if head is None:
            head = AuditChain(chain=chain, study_id=study_id, seq=0, hash=GENESIS)
            self.session.add(head)
        self._heads[chain] = head
        return head

    def record(
        self,
        event: AuditEvent,
        chain: str,
        study_id: int | None = None,
        reason: str | None = None,
        changes: Iterable[FieldChange] = (),
    ) -> None:
        """Declare what happens here; the rows it covers become the entry's changes."""
        self._noted.append(DeclaredEvent(event, chain, study_id, reason, list(changes)))

    def publish(self, study_id: int, draft: FeedEventDraft) -> None:
        """Append to the study's feed when, and only if, this transaction commits."""
        self._drafts.append((study_id, draft))

    def apply(
        self, statement: sa.Insert | sa.Update | sa.Delete, values: Sequence[dict[str, Any]] = ()
    ) -> sa.Result[Any]:
        """Run a bulk statement whose changes the caller has declared with `record`."""
        self._declared = True
        try:
            return self.session.execute(statement, values or None)
        finally:
            self._declared = False

    def _collect(self, session: Session, _context: UOWTransaction) -> None:
        for row in [*session.new, *session.dirty, *session.deleted]:
            for change in row_changes(row, deleted=row in session.deleted):
                self._collected.append((row.__tablename__, chain_of_row(row, session), change))

    def _refuse_bulk(self, state: ORMExecuteState) -> None:
        if not self._declared and (state.is_insert or state.is_update or state.is_delete):
            raise WriteRefused("a bulk statement must be declared with UnitOfWork.apply")

    def _refuse_bare_commit(self, _session: Session) -> None:
        if not self._closing:
            raise WriteRefused("only the unit of work commits")

    def _commit(self) -> None:
        self.session.flush()
        for table, chain, change in self._collected:
            self._cover(table, chain, change)
        for noted in sorted(self._noted, key=lambda noted: noted.chain):
            self._enter(noted)
        for study_id, draft in self._drafts:
            append_feed_event(self.session, study_id, draft, self.at)
        self._closing = True
        self.session.flush()
        self.session.commit()

    def _cover(self, table: str, chain: str | None, change: FieldChange) -> None:
        able = [noted for noted in self._noted if table in COVERS.get(noted.event, ())]
        if not able:
            raise UnauditedChange(f"{change.record}.{change.field} changed without an event")
        own = [noted for noted in able if chain in (None, noted.chain)]
        (own or able)[0].changes.append(change)

    def _enter(self, noted: DeclaredEvent) -> None:
        head = self._head(noted.chain, noted.study_id)
        entry = link_entry(
            ChainEntry(
                chain=noted.chain,
                seq=head.seq + 1,
                event=noted.event.value,
                at=self.at,
                actor_kind=self.actor.kind.value,
                actor_id=self.actor.id,
                actor_role=self.actor.role,
                changes=canonical_json([change.told() for change in noted.changes]),
                reason=noted.reason,
                reason_salt=secrets.token_hex(8) if noted.reason is not None else None,
            ),
            head.hash,
        )
        self.session.add(AuditEntry(**entry.row()))
        head.seq, head.hash = entry.seq, entry.hash
