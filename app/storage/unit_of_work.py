"""The unit of work: one transaction that refuses any change no declared event covers.

It collects old → new per field as the rows are flushed, writes one linked audit entry per
event, numbers the feed events last, and commits. A forgotten event, a bulk statement or a
bare commit is refused, whichever code path it came from (AUD-01).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import UOWTransaction
from sqlmodel import Session, SQLModel, select

from app.domain.records.access import Actor
from app.domain.records.acts import KeyedAct
from app.domain.records.audit import (
    COVERS,
    GENESIS,
    AuditEvent,
    FieldChange,
)
from app.domain.records.feed import FeedEventDraft
from app.storage.act_keys import claim_act
from app.storage.audit import (
    UnauditedChange,
    bookkeeping_writes,
    build_entry,
    insert_linked_entries,
    move_locked_head,
)
from app.storage.engine import WriteRefused, allow_writes, write_engine
from app.storage.feed_log import PendingEvent, append_feed_events
from app.storage.row_changes import (
    chain_of_row,
    chain_of_values,
    is_participant_chain,
    new_row_changes,
    participant_chain,
    row_changes,
)
from app.storage.tables.audit import AuditChain
from app.storage.tables.columns import table_of


@dataclass(slots=True)
class DeclaredEvent:
    """An event recorded in this transaction, by whom and when, with the changes it answers for."""

    event: AuditEvent
    chain: str
    study_id: int | None
    reason: str | None
    actor: Actor
    at: datetime
    changes: list[FieldChange] = field(default_factory=list)


class UnitOfWork:
    """One transaction by one actor at one moment. Use as a context manager; leaving it commits.

    Several acts can be one transaction: each of them is then `joined` to the one that was opened first, and
    is covered by its own events before the next one begins.

    With an `act` that a page offered, entering claims its key before anything else, in the same transaction;
    raises as `claim_act`.
    """

    def __init__(self, engine: Engine, actor: Actor, at: datetime, act: KeyedAct | None = None) -> None:
        self.actor, self.at, self._act = actor, at, act
        self.session = Session(write_engine(engine), autoflush=False, expire_on_commit=False)
        self._transaction = _Transaction(self.session)

    def joined(self, actor: Actor, at: datetime) -> "JoinedUnitOfWork":
        """The same transaction for another act; leaving it checks that the act is covered."""
        return JoinedUnitOfWork(self, actor, at)

    def __enter__(self) -> Self:
        if self._act is not None:
            with ExitStack() as unless_claimed:
                unless_claimed.callback(self._transaction.close)
                self._claim(self._act)
                unless_claimed.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._transaction.commit()
        finally:
            self._transaction.close()

    def lock(self, chain: str, study_id: int | None = None) -> None:
        """Take the chain's row: everything that changes one participant's facts waits in line here.

        What was read before waiting may be out of date by now, so it is read again when next used.
        """
        self._transaction.lock(chain, study_id)

    def record(
        self,
        event: AuditEvent,
        chain: str,
        study_id: int | None = None,
        reason: str | None = None,
        changes: Iterable[FieldChange] = (),
    ) -> None:
        """Declare what happens here; the rows it covers become the entry's changes."""
        declared = DeclaredEvent(event, chain, study_id, reason, self.actor, self.at, list(changes))
        self._transaction.declared.append(declared)

    def publish(self, study_id: int, draft: FeedEventDraft) -> None:
        """Append to the study's feed when, and only if, this transaction commits."""
        self._transaction.feed_events.setdefault(study_id, []).append(PendingEvent(draft, self.at))

    def insert_rows(self, kind: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
        """Store new rows of one table by one statement; their changes are told like those of a session."""
        self._transaction.insert_rows(kind, rows)

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

    def _claim(self, act: KeyedAct) -> None:
        if act.participant_id is not None:
            self.lock(participant_chain(act.participant_id))
        claim_act(self.session.connection(), act, self.at)


class JoinedUnitOfWork(UnitOfWork):
    """An act inside a transaction that somebody else opened and will commit.

    When the act fails the whole transaction can no longer be committed, even if somebody catches the error.
    """

    def __init__(self, opened: UnitOfWork, actor: Actor, at: datetime) -> None:
        self.actor, self.at, self._act = actor, at, None
        self.session = opened.session
        self._transaction = opened._transaction  # noqa: SLF001 - two classes of one module share it

    def __exit__(
        self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        if kind is None:
            self._transaction.assign_changes()
        else:
            self._transaction.failed = True


class _Transaction:
    """What units of work of one transaction share: changes so far, declared events, heads, feed events."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.declared: list[DeclaredEvent] = []
        self.feed_events: dict[int, list[PendingEvent]] = {}
        self.failed = False
        self._assigned = 0
        self._collected: list[tuple[str, str | None, FieldChange]] = []
        self._heads: dict[str, AuditChain] = {}
        self._commit_allowed = False
        self._flushing = ExitStack()
        sa_event.listen(session, "after_flush", self._collect)
        sa_event.listen(session, "before_flush", self._allow_flush)
        sa_event.listen(session, "after_flush_postexec", self._end_flush)
        sa_event.listen(session, "before_commit", self._refuse_bare_commit)

    def lock(self, chain: str, study_id: int | None) -> None:
        if chain not in self._heads:
            self.session.flush()
            self.session.expire_all()
            self._head(chain, study_id)

    def insert_rows(self, kind: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        table, connection = table_of(kind).name, self.session.connection()
        for row in rows:
            chain = chain_of_values(row)
            self._collected += [(table, chain, change) for change in new_row_changes(table, row)]
        with allow_writes(connection):
            connection.execute(sa.insert(kind), list(rows))

    def assign_changes(self) -> None:
        """Assign what changed since the last time to the events that were declared since then."""
        self.session.flush()
        declared = self.declared[self._assigned :]
        for table, chain, change in self._collected:
            _cover(declared, table, chain, change)
        self._collected.clear()
        self._assigned = len(self.declared)

    def commit(self) -> None:
        if self.failed:
            raise WriteRefused("an act of this transaction failed")
        self.assign_changes()
        entries = []
        for declared in sorted(self.declared, key=lambda each: each.chain):
            head = self._head(declared.chain, declared.study_id)
            audited = build_entry(
                head, declared.event, declared.actor, declared.at, declared.changes, declared.reason
            )
            move_locked_head(head, audited)
            entries.append(audited)
        self.session.flush()
        insert_linked_entries(self.session.connection(), entries)
        for study_id in sorted(self.feed_events):
            append_feed_events(self.session.connection(), study_id, self.feed_events[study_id])
        self._commit_allowed = True
        self.session.commit()

    def close(self) -> None:
        self._flushing.close()
        self.session.close()

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

    def _collect(self, session: Session, _context: UOWTransaction) -> None:
        for row in [*session.new, *session.dirty, *session.deleted]:
            for change in row_changes(row, deleted=row in session.deleted):
                self._collected.append((row.__tablename__, chain_of_row(row, session), change))

    def _allow_flush(self, session: Session, _context: UOWTransaction, _rows: object) -> None:
        self._flushing.enter_context(allow_writes(session.connection()))

    def _end_flush(self, _session: Session, _context: UOWTransaction) -> None:
        self._flushing.close()

    def _refuse_bare_commit(self, _session: Session) -> None:
        if not self._commit_allowed:
            raise WriteRefused("only the unit of work commits")


def _cover(declared: Sequence[DeclaredEvent], table: str, chain: str | None, change: FieldChange) -> None:
    """Give a change to the first event that covers its table in its own chain.

    Where that chain has none, an event of the study or the installation may answer for it, but never one of
    another participant.
    """
    able = [each for each in declared if table in COVERS.get(each.event, ())]
    own = [each for each in able if chain in (None, each.chain)]
    answering = own or [each for each in able if not is_participant_chain(each.chain)]
    if not answering:
        raise UnauditedChange(f"{change.record}.{change.field} changed without an event")
    answering[0].changes.append(change)
