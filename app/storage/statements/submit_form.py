"""The hot path of a submission: an optimistic lock on the chain's head, and all that it changes.

On PostgreSQL that is one statement, a transaction by itself: head, audit entry, answers, response, slot,
and last of all the feed, whose head stays locked for hardly longer than the commit takes. The number and
the hashes of the feed event are put together by the database, from pieces that the domain has spelled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Engine
from sqlmodel import SQLModel, col

from app.domain.records.feed import FeedEventDraft, serialise_event
from app.storage.audit import (
    MOVE_HEAD_IF_UNMOVED,
    LinkedEntry,
    append_if_unmoved,
    audited_writes,
    move_head_values,
    require_rows_of_slot,
)
from app.storage.database.plain_writes import PlainWrite
from app.storage.engine import allow_tables
from app.storage.feed_numbering import PendingEvent, append_feed_events
from app.storage.plain_rows import ResponseRecord, SlotRecord
from app.storage.statements.connections import open_autocommit, open_transaction
from app.storage.statements.raise_alerts import RaisedAlerts, write_alerts
from app.storage.statements.save_answers import (
    device_seen_after,
    execute_keeping_alive,
    insert_answers_statement,
    write_device_seen,
)
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.capture import AnswerEvent, Response
from app.storage.tables.columns import table_of
from app.storage.tables.feed import FeedEvent, FeedHead
from app.storage.tables.schedule import Slot

SUBMITTED_SLOT_COLUMNS = (
    "submitted_at",
    "out_of_window",
    "missed_reason",
    "missed_note",
    "wake_at",
    "version",
    "published_state",
    "published_window",
)
"""The columns of a slot that a sending changes."""


@dataclass(frozen=True, slots=True)
class Submission:
    """All that a submission writes: `slot` as it will be, and answers that the draft does not hold yet.

    `seen_device`: the browser that is kept alive along with it; None where that is not due. `alerts`, where
    it raises any, are stored by a second statement: then the connection is one of a transaction.
    """

    entry: LinkedEntry
    answers: Sequence[dict[str, Any]]
    response: ResponseRecord
    slot: SlotRecord
    event: FeedEventDraft
    seen_device: int | None
    alerts: RaisedAlerts | None = None


def submit_if_unmoved(engine: Engine, submission: Submission) -> bool:
    """Submit under an optimistic lock: False, and nothing written, if the chain's head has moved."""
    # One statement is a transaction by itself; alerts are a second one.
    opened = open_transaction if submission.alerts else open_autocommit
    with opened(engine) as connection:
        written = write_submission(connection, submission)
        connection.commit()
    return written


def write_submission(connection: Connection, submission: Submission) -> bool:
    """Store it all and append it to the feed; False if the chain has moved since it was read."""
    answered = (row["slot_id"] for row in submission.answers)
    require_rows_of_slot(submission.slot.id, (submission.response.slot_id, *answered))
    written = _write_form(connection, submission)
    if written and submission.alerts is not None:
        write_alerts(connection, submission.alerts)
    return written


def _write_form(connection: Connection, submission: Submission) -> bool:
    at, slot = submission.entry.entry.at, submission.slot
    answered = ("answer_event",) if submission.answers else ()
    with audited_writes(
        connection, submission.entry, *answered, "response", "slot", "feed_event", "feed_head"
    ):
        if connection.dialect.name == "postgresql":
            values = _as_one(submission, at)
            # The statement names this table also where it adds no row to it.
            with allow_tables(connection, {"answer_event": None}):
                return execute_keeping_alive(connection, _ALL_IN_ONE, values, submission.seen_device, at)
        if not append_if_unmoved(connection, submission.entry):
            return False
        if submission.answers:
            connection.execute(*insert_answers_statement(connection, submission.answers))
        connection.execute(_INSERT_RESPONSE, submission.response._asdict())
        slot_values = {f"sent_{name}": getattr(slot, name) for name in SUBMITTED_SLOT_COLUMNS}
        connection.execute(_SEND_SLOT, slot_values | {"its_id": slot.id})
        if submission.seen_device is not None:
            write_device_seen(connection, submission.seen_device, at)
        append_feed_events(connection, slot.study_id, [PendingEvent(submission.event, at)])
    return True


_INSERT_RESPONSE = sa.insert(table_of(Response)).inline()
_SEND_SLOT = (
    sa.update(table_of(Slot))
    .where(col(Slot.id) == sa.bindparam("its_id"))
    .values({name: sa.bindparam(f"sent_{name}") for name in SUBMITTED_SLOT_COLUMNS})
)


def _as_one(submission: Submission, at: datetime) -> dict[str, Any]:
    draft = submission.event
    pieces = serialise_event(draft, at)
    event = {
        "study_id": submission.slot.study_id,
        "type": draft.type,
        "ref": draft.ref,
        "version": draft.version,
        "site_id": draft.site_id,
        "recorded_at": at,
    }
    rows = {
        "new_entry": submission.entry.entry.as_row(),
        "new_answers": submission.answers,
        "new_response": submission.response._asdict(),
        "new_slot": {name: getattr(submission.slot, name) for name in ("id", *SUBMITTED_SLOT_COLUMNS)},
        "new_event": event,
    }
    return move_head_values(submission.entry) | {
        **{name: orjson.dumps(row).decode() for name, row in rows.items()},
        "sent_study": submission.slot.study_id,
        **{f"e{index}": piece for index, piece in enumerate(pieces.envelope)},
        **{f"l{index}": piece for index, piece in enumerate(pieces.line)},
    }


def _names(table: sa.Table) -> list[str]:
    """The columns that a new row is given."""
    return [column.name for column in table.columns if column.name != "id"]


def _unfolded(kind: type[SQLModel], member: str, names: Sequence[str]) -> sa.TableValuedAlias:
    """A document as rows of a table, none for an empty list; the server knows the types."""
    table = table_of(kind)
    document = sa.cast(sa.bindparam(member, type_=sa.Text), JSONB)
    many = member == "new_answers"
    unfold = sa.func.jsonb_populate_recordset if many else sa.func.jsonb_populate_record
    rows = unfold(sa.literal_column(f'NULL::"{table.name}"'), document)
    return rows.table_valued(*(sa.column(name, table.c[name].type) for name in names), name="n")


def _of(names: Sequence[str]) -> list[sa.ColumnElement[Any]]:
    """Columns of `_unfolded` without a label each: the driver takes long statements apart anew each time."""
    return [sa.literal_column(f"n.{name}") for name in names]


def _added(kind: type[SQLModel], member: str, moved: sa.CTE) -> sa.CTE:
    table = table_of(kind)
    names = _names(table)
    rows = _unfolded(kind, member, names)
    # Only the chain is also a column of `moved`; the rest is spelled short, as the driver's limit asks.
    columns: list[sa.ColumnElement[Any]] = [
        sa.literal_column("n.chain" if name == "chain" else name) for name in names
    ]
    chosen = sa.select(*columns).select_from(sa.join(rows, moved, sa.true()))
    added = sa.insert(table).from_select(names, chosen)
    return added.returning(sa.literal_column("1")).cte(member)


def _joined(*pieces: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.func.concat(*pieces, type_=sa.Text)


def _text(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.Text)


def _sha256(text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The twin of `app.domain.records.audit.sha256_hex`."""
    utf8 = sa.func.convert_to(text, sa.literal_column("'UTF8'"))
    return sa.func.encode(sa.func.sha256(utf8), sa.literal_column("'hex'"), type_=sa.Text)


def _placed(moved: sa.CTE) -> sa.CTE:
    slot = table_of(Slot)
    values = _unfolded(Slot, "new_slot", ("id", *SUBMITTED_SLOT_COLUMNS))
    statement = sa.update(slot).where(slot.c.id == values.c.id, sa.exists().select_from(moved))
    placed = statement.values({name: values.c[name] for name in SUBMITTED_SLOT_COLUMNS})
    return placed.returning(sa.literal_column("1")).cte("placed")


def _linked(written: Sequence[sa.CTE]) -> sa.CTE:
    """Number and hashes of the event, with the feed's head locked once everything else is written.

    Locking only then keeps the order of locks (participant, slot, feed) and the lock short.
    """
    head = table_of(FeedHead)
    counts = [
        sa.select(sa.func.count().label("rows")).select_from(statement).subquery(f"c{index}")
        for index, statement in enumerate(written)
    ]
    source: sa.FromClause = head
    for count, least in zip(counts, (1, 0, 0, 0), strict=True):
        source = sa.join(source, count, count.c.rows >= sa.literal_column(str(least)))
    locked = (
        sa.select(
            head.c.study_id,
            (head.c.seq + sa.literal_column("1")).label("seq"),
            head.c.hash.label("was"),
        )
        .select_from(source)
        .where(head.c.study_id == sa.bindparam("sent_study"))
        .with_for_update(of=head)
        .cte("lock")
    )
    envelope = _sha256(_joined(_text("e0"), locked.c.seq, _text("e1"))).label("envelope")
    known = sa.select(locked, envelope).cte("known")
    linked = _sha256(_joined(known.c.was, sa.literal_column("':'"), known.c.envelope))
    return sa.select(known, linked.label("hash")).cte("link")


def _one_statement(*, seen: bool) -> PlainWrite:
    moved = MOVE_HEAD_IF_UNMOVED.returning(col(AuditChain.chain)).cte("moved")
    added = [
        _added(kind, member, moved)
        for kind, member in (
            (AuditEntry, "new_entry"),
            (AnswerEvent, "new_answers"),
            (Response, "new_response"),
        )
    ]
    linked = _linked((_placed(moved), *added))
    head = table_of(FeedHead)
    led = (
        sa.update(head)
        .where(head.c.study_id == linked.c.study_id)
        .values(seq=linked.c.seq, hash=linked.c.hash)
        .cte("led")
    )
    also = [device_seen_after(moved)] if seen else []
    return PlainWrite(_event(linked).add_cte(led, *also))


def _event(linked: sa.CTE) -> sa.Insert:
    """The feed event, its line put together from the pieces and what stands between them."""
    gaps = (linked.c.envelope, linked.c.hash, linked.c.was, linked.c.seq)
    filled = [part for index, gap in enumerate(gaps) for part in (_text(f"l{index}"), gap)]
    event, late = table_of(FeedEvent), ("seq", "line", "hash")
    names = [name for name in _names(event) if name not in late]
    rows = _unfolded(FeedEvent, "new_event", names)
    line = _joined(*filled, _text("l4"))
    chosen = sa.select(*_of(names), linked.c.seq, line, linked.c.hash)
    return sa.insert(event).from_select([*names, *late], chosen.select_from(sa.join(rows, linked, sa.true())))


_ALL_IN_ONE = _one_statement(seen=False), _one_statement(seen=True)
