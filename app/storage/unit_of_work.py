"""The unit of work: one transaction that refuses any change no declared event covers.

It collects old → new per field as the rows are flushed, writes one linked audit entry per
event, numbers the feed events last, and commits. A forgotten event, a bulk statement or a
bare commit is refused, whichever code path it came from (AUD-01).
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import UOWTransaction
from sqlmodel import Session, select

from app.domain.records.access import Actor
from app.domain.records.audit import (
    COVERS,
    GENESIS,
    AuditEvent,
    FieldChange,
)
from app.domain.records.feed import FeedEventDraft
from app.storage.audit import UnauditedChange, add_entry, bookkeeping_writes, build_entry
from app.storage.engine import WriteRefused, allow_writes, writing
from app.storage.feed_log import append_feed_event
from app.storage.row_changes import chain_of_row, row_changes
from app.storage.tables.audit import AuditChain


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
        self._closing = False
        self._flushing = ExitStack()
        sa_event.listen(self.session, "after_flush", self._collect)
        sa_event.listen(self.session, "before_flush", self._allow_flush)
        sa_event.listen(self.session, "after_flush_postexec", self._end_flush)
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
            self._flushing.close()
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

    def update_bookkeeping(
        self,
        table: sa.Table,
        where: sa.ColumnElement[bool],
        values: Mapping[str, object],
        *returning: sa.ColumnElement[Any],
    ) -> sa.Result[Any]:
        """Set columns that need no entry on the rows of a condition, such as a worker's lease on messages.

        Raises UnauditedChange for any other column.
        """
        statement = sa.update(table).where(where).values(**values)
        with bookkeeping_writes(self.session.connection(), table.name, values):
            return self.session.execute(statement.returning(*returning) if returning else statement)

    def _collect(self, session: Session, _context: UOWTransaction) -> None:
        for row in [*session.new, *session.dirty, *session.deleted]:
            for change in row_changes(row, deleted=row in session.deleted):
                self._collected.append((row.__tablename__, chain_of_row(row, session), change))

    def _allow_flush(self, session: Session, _context: UOWTransaction, _rows: object) -> None:
        self._flushing.enter_context(allow_writes(session.connection()))

    def _end_flush(self, _session: Session, _context: UOWTransaction) -> None:
        self._flushing.close()

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

    def _enter(self, declared: DeclaredEvent) -> None:
        head = self._head(declared.chain, declared.study_id)
        audited = build_entry(head, declared.event, self.actor, self.at, declared.changes, declared.reason)
        add_entry(self.session, head, audited)
