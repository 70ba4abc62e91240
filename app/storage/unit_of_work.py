"""The unit of work: one transaction that refuses any change no declared event covers.

It collects old → new per field as the rows are flushed, writes one linked audit entry per
event, numbers the feed events last, and commits. A forgotten event, a bulk statement or a
bare commit is refused, whichever code path it came from (AUD-01).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import UOWTransaction
from sqlmodel import Session, SQLModel, col

from app.domain.records.access import Actor
from app.domain.records.acts import KeyedAct
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.records.feed import FeedEventDraft
from app.storage.act_keys import claim_act
from app.storage.audit import (
    LockedHead,
    UnpublishedChange,
    bookkeeping_writes,
    build_entry,
    insert_linked_entries,
    lock_head,
)
from app.storage.database.plain_reads import PlainRead
from app.storage.database.write_guard import WriteRefused
from app.storage.engine import allow_tables, find_write_guard, write_engine
from app.storage.feed_numbering import PendingEvent, append_feed_events
from app.storage.proof.declared_events import DeclaredEvent, cover_change
from app.storage.proof.row_facts import FactKey, RowChange, flushed_row_fact
from app.storage.row_changes import (
    chain_of_row,
    changes_published_fact,
    check_row_change,
    participant_chain,
    rests_feed_on,
    row_changes,
)
from app.storage.statements.slot_rows import SlotChanges, insert_slots, update_slots
from app.storage.tables.columns import table_of
from app.storage.tables.feed import FeedEvent
from app.storage.tables.schedule import Slot

_NO_KEY = FactKey(b"")
"""For a storage of which nobody holds a key; an installation always gives its own."""
_LAST_VERSION = PlainRead(
    sa.select(sa.func.max(col(FeedEvent.version))).where(
        col(FeedEvent.study_id) == sa.bindparam("study"), col(FeedEvent.ref) == sa.bindparam("ref")
    )
)


class UnitOfWork:
    """One transaction by one actor at one moment. Use as a context manager; leaving it commits.

    Several acts can be one transaction: each of them is then `join_act` to the one that was opened first, and
    is covered by its own events before the next one begins.

    With an `act` that a page offered, entering claims its key before anything else, in the same transaction;
    raises as `claim_act`.
    """

    def __init__(
        self,
        engine: Engine,
        actor: Actor,
        at: datetime,
        fact_key: FactKey = _NO_KEY,
        act: KeyedAct | None = None,
    ) -> None:
        self.actor, self.at, self._act = actor, at, act
        self.session = Session(write_engine(engine), autoflush=False, expire_on_commit=False)
        self._transaction = _Transaction(self.session, fact_key)
        self._endings: dict[str, Callable[[], None]] = {}

    def join_act(self, actor: Actor, at: datetime) -> "JoinedUnitOfWork":
        """This transaction for another act; leaving it checks that the act is covered."""
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
                self._finish()
                self._transaction.commit()
        finally:
            self._transaction.close()

    def finish_with(self, chain: str, ending: Callable[[], None]) -> None:
        """Register what ends the act, once for a chain, before its changes are assigned to events."""
        self._endings[chain] = ending

    def mark_published(self, chain: str) -> None:
        """Note that the feed tells what is true of the forms of this chain's participant."""
        self._transaction.mark_published(chain)

    def _finish(self) -> None:
        for ending in self._endings.values():
            self.session.flush()
            ending()

    def lock(self, chain: str, study_id: int | None = None) -> None:
        """Take the row lock of a chain's head: changes of one participant's facts are serialised by it.

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

    def next_version(self, study_id: int, ref: str) -> int:
        """The version of the next event of this record: one more than the last, so that none is skipped.

        Whoever asks holds the lock under which events of the record are made.
        """
        ((last,),) = _LAST_VERSION.fetch(self.session.connection(), {"study": study_id, "ref": ref})
        waiting = self._transaction.feed_events.get(study_id, ())
        versions = [event.draft.version for event in waiting if event.draft.ref == ref]
        return max([last or 0, *versions]) + 1

    def insert_slots(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store new slots, given by the names of their columns; told like the rows of a session."""
        self._transaction.insert_slots(rows)

    def update_slots(self, participant_id: int, changed: SlotChanges) -> None:
        """Change slots of a participant, and tell it likewise.

        Raises WriteRefused for one that is not theirs, or would become another; nothing is committed then.
        """
        self._transaction.update_slots(participant_id, changed)
        for slot, _new in changed:
            self.reread(Slot, slot.id)

    @contextmanager
    def hot_connection(self, chain: str) -> Iterator[Connection]:
        """The transaction's connection for hot statements, one of which writes its own entry to this chain.

        What was declared until now is written first, so that the database has the chain's head where it is;
        the head is read again afterwards. Whoever changes rows that were read calls `reread`.
        """
        self.lock(chain)
        with self._transaction.hot_connection(chain) as connection:
            yield connection

    def reread(self, kind: type[SQLModel], key: int) -> None:
        """Read a row again when it is next used: a statement changed it."""
        row = self.session.identity_map.get(self.session.identity_key(kind, key))
        if row is not None:
            self.session.expire(row)

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
            changed = self.session.execute(statement.returning(*returning) if returning else statement)
        for row in self.session.identity_map.values():
            if row.__table__ is table:  # type: ignore[attr-defined]  # only rows of tables are there
                self.session.expire(row, list(values))  # the rest stays readable when the session is closed
        return changed

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
        self._endings = {}
        self._transaction = opened._transaction  # noqa: SLF001 - two classes of one module share it

    def __exit__(
        self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        if kind is not None:
            self._transaction.unfinished += 1
            return
        with self._transaction.commit_whole():
            self._finish()
            self._transaction.assign_changes()


class _Transaction:
    """What units of work of one transaction share: changes so far, declared events, heads, feed events."""

    def __init__(self, session: Session, fact_key: FactKey) -> None:
        self.session = session
        self._fact_key = fact_key
        self.declared: list[DeclaredEvent] = []
        self.feed_events: dict[int, list[PendingEvent]] = {}
        self.unfinished = 0
        self.unpublished: set[str] = set()
        self._assigned = 0
        self._collected: list[RowChange] = []
        self._heads: dict[str, LockedHead] = {}
        self._rows: list[
            object
        ] = []  # the session itself forgets rows that nobody holds, and reads them anew
        self._commit_allowed = False
        self._flushing = ExitStack()
        sa_event.listen(session, "loaded_as_persistent", self._hold)
        sa_event.listen(session, "pending_to_persistent", self._hold)
        sa_event.listen(session, "after_flush", self._collect)
        sa_event.listen(session, "before_flush", self._allow_flush)
        sa_event.listen(session, "after_flush_postexec", self._end_flush)
        sa_event.listen(session, "before_commit", self._refuse_bare_commit)

    def lock(self, chain: str, study_id: int | None) -> None:
        if chain not in self._heads:
            self.session.flush()
            # On SQLite nobody else writes while this transaction lasts: what it has read is still true.
            if self.session.connection().dialect.name != "sqlite":
                self.session.expire_all()
            self._head(chain, study_id)

    def insert_slots(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            with self.commit_whole():
                self._record_changes(insert_slots(self.session.connection(), self._fact_key, rows))

    def update_slots(self, participant_id: int, changed: SlotChanges) -> None:
        self.session.flush()
        with self.commit_whole():
            self._record_changes(
                update_slots(self.session.connection(), self._fact_key, participant_id, changed)
            )
        if any(rests_feed_on(slot, new) for slot, new in changed):
            self.unpublished.add(participant_chain(participant_id))

    def mark_published(self, chain: str) -> None:
        # What is not flushed yet and changes a fact was there when the feed was told; nothing else waits.
        if any(changes_published_fact(row) for row in self.session.dirty):
            self.session.flush()
        self.unpublished.discard(chain)

    @contextmanager
    def commit_whole(self) -> Iterator[None]:
        """Let nothing be committed unless this ends well: some rows may be written then, and none is told."""
        self.unfinished += 1
        yield
        self.unfinished -= 1

    def _record_changes(self, changes: Iterable[RowChange]) -> None:
        """Let what was changed be told by an event, without which nothing is committed from now on."""
        new = list(changes)
        self._collected.extend(new)
        find_write_guard(self.session.connection()).require_entries(
            (change.chain, change.table) for change in new
        )

    def assign_changes(self) -> None:
        """Assign what changed since the last time to the events that were declared since then."""
        self.session.flush()
        declared = self.declared[self._assigned :]
        for change in self._collected:
            cover_change(declared, change)
        self._collected.clear()
        self._assigned = len(self.declared)

    @contextmanager
    def hot_connection(self, chain: str) -> Iterator[Connection]:
        self.write_declared()
        with self.commit_whole():
            yield self.session.connection()
        self._heads[chain].read = False

    def write_declared(self) -> None:
        """Write an entry for each event that was declared, in its chain, and append to the feeds."""
        if self.unfinished:
            raise WriteRefused("an act of this transaction failed")
        self.assign_changes()
        if self.unpublished:
            raise UnpublishedChange(f"forms of {sorted(self.unpublished)} changed and the feed was not told")
        entries = []
        for declaration in sorted(self.declared, key=lambda declared: declared.chain):
            head = self._head(declaration.chain, declaration.study_id)
            audited = build_entry(
                head,
                declaration.event,
                declaration.actor,
                declaration.at,
                declaration.changes,
                declaration.reason,
                declaration.facts,
            )
            head.seq, head.hash = audited.entry.seq, audited.entry.hash
            entries.append(audited)
        insert_linked_entries(self.session.connection(), entries)
        for study_id in sorted(self.feed_events):
            append_feed_events(self.session.connection(), study_id, self.feed_events[study_id])
        self.declared.clear()
        self.feed_events.clear()
        self._assigned = 0

    def commit(self) -> None:
        self.write_declared()
        self._commit_allowed = True
        self.session.commit()

    def close(self) -> None:
        self._flushing.close()
        self.session.close()

    def _head(self, chain: str, study_id: int | None) -> LockedHead:
        head = self._heads.get(chain)
        if head is None or not head.read:
            head = self._heads[chain] = lock_head(self.session.connection(), chain, study_id)
        return head

    def _hold(self, _session: Session, row: object) -> None:
        self._rows.append(row)

    def _collect(self, session: Session, _context: UOWTransaction) -> None:
        gone, changed = session.deleted, []
        for row in [*session.new, *_in_order(session.dirty), *gone]:
            chain = chain_of_row(row, session)
            if changes_published_fact(row):
                self.unpublished.add(chain)
            changes = list(row_changes(row, deleted=row in gone))
            fact = flushed_row_fact(self._fact_key, row, deleted=row in gone)
            if changes or fact is not None:
                changed.append(RowChange(row.__tablename__, chain, changes, fact))
        self._record_changes(changed)

    def _allow_flush(self, session: Session, _context: UOWTransaction, _rows: object) -> None:
        rows = [*session.new, *session.dirty, *session.deleted]
        for row in rows:
            check_row_change(row, deleted=row in session.deleted)
        tables = dict.fromkeys(table_of(type(row)).name for row in rows)
        self._flushing.enter_context(allow_tables(session.connection(), tables, flushing=True))

    def _end_flush(self, _session: Session, _context: UOWTransaction) -> None:
        self._flushing.close()

    def _refuse_bare_commit(self, _session: Session) -> None:
        if not self._commit_allowed:
            raise WriteRefused("only the unit of work commits")


def _in_order(rows: Iterable[SQLModel]) -> list[SQLModel]:
    """Changed rows of a session by table and key: the session has them in no order."""
    return sorted(rows, key=lambda row: (str(row.__tablename__), sa.inspect(row).identity))
