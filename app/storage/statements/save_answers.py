"""The hot path of saving answers, under an optimistic lock: one read, one write.

The head of a participant's audit chain is also the version number of everything that is known of
them, because every change is audited. So an answer is judged on one read and written by one
statement that holds only if that head has not moved; otherwise both are done again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Engine
from sqlmodel import col

from app.domain.capture.answers import SubmittedAnswer
from app.domain.records.audit import ChainEntry
from app.storage.audit import (
    MOVE_HEAD_IF_UNMOVED,
    LinkedEntry,
    append_if_unmoved,
    audited_writes,
    bookkeeping_writes,
    move_head_values,
    require_chain,
    require_rows_of_slot,
)
from app.storage.database.plain_writes import PlainWrite
from app.storage.database.write_guard import WriteRefused
from app.storage.statements.connections import open_autocommit, open_transaction
from app.storage.statements.saving_context import OWN_CHAIN, SavingContext, read_slot_for_saving
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.capture import AnswerEvent
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Device

_Stored = TypeVar("_Stored")
_BOUND = sa.select(col(Device.id)).where(
    col(Device.token_hash) == sa.bindparam("token_hash"), col(Device.revoked_at).is_(None)
)


_LINE = sa.select(col(AuditChain.seq)).where(col(AuditChain.chain) == sa.bindparam("line")).with_for_update()
_CHAIN_OF = sa.select(OWN_CHAIN.concat(sa.cast(Device.participant_id, sa.String))).where(
    col(Device.token_hash) == sa.bindparam("token_hash")
)


def lock_chain(connection: Connection, chain: str) -> None:
    """Take the row lock of a participant's chain until the transaction ends, so that no conflict can come."""
    connection.execute(_LINE, {"line": chain})


def run_holding_chain(engine: Engine, chain: str, act: Callable[[Connection], _Stored]) -> _Stored:
    """Do this act in a transaction that holds the head of a participant's chain, and commit it."""
    with open_transaction(engine) as connection:
        lock_chain(connection, chain)
        result = act(connection)
        connection.commit()
    return result


def require_written(result: _Stored | None) -> _Stored:
    """The result of a write under the lock of its chain's head, which nobody else can move meanwhile.

    Raises WriteRefused where nothing was written all the same: nobody is told that it was.
    """
    if result is None:
        raise WriteRefused("a locked head has moved")
    return result


class NothingToSaveInto(Exception):
    """The slot is not this browser's own; `device_bound`: somebody uses the browser, whoever it is."""

    def __init__(self, device_bound: bool) -> None:
        super().__init__(device_bound)
        self.device_bound = device_bound


@dataclass(frozen=True, slots=True)
class ArrivingAnswers:
    """Answers to be saved into a draft: of which browser, by the hash of its token, slot and client."""

    token_hash: str
    slot: str
    client: str
    answers: Sequence[SubmittedAnswer]


@dataclass(frozen=True, slots=True)
class AuditedAnswers:
    """Answers as they are stored, and their audit entry.

    `seen_device`: the browser whose lease is renewed along with them; None where that is not due.
    """

    entry: LinkedEntry
    events: Sequence[dict[str, Any]]
    seen_device: int | None


def save_if_unmoved(
    engine: Engine, arriving: ArrivingAnswers, judge: Callable[[SavingContext], AuditedAnswers | None]
) -> int | None:
    """Save under an optimistic lock: read once, write what `judge` makes of it, return the form's revision.

    None, with nothing written, where the head of the chain has moved since it was read. Raises
    NothingToSaveInto, and whatever `judge` raises.
    """
    # One answer is written by one statement; several need a transaction around theirs.
    opened = open_autocommit if len(arriving.answers) == 1 else open_transaction
    with opened(engine) as connection:
        revision = _read_and_write(connection, arriving, judge)
        if revision is not None:
            connection.commit()
        return revision


def save_holding_head(
    engine: Engine, arriving: ArrivingAnswers, judge: Callable[[SavingContext], AuditedAnswers | None]
) -> int:
    """Save under the row lock of the chain's head: the retry, which cannot conflict again."""
    with open_transaction(engine) as connection:
        chain = connection.execute(_CHAIN_OF, {"token_hash": arriving.token_hash}).scalar_one()
        lock_chain(connection, chain)
        revision = require_written(_read_and_write(connection, arriving, judge))
        connection.commit()
        return revision


def _read_and_write(
    connection: Connection,
    arriving: ArrivingAnswers,
    judge: Callable[[SavingContext], AuditedAnswers | None],
) -> int | None:
    token = arriving.token_hash
    read = read_slot_for_saving(connection, token, arriving.slot, arriving.client, arriving.answers)
    if read is None:
        raise NothingToSaveInto(connection.execute(_BOUND, {"token_hash": token}).first() is not None)
    audited = judge(read)
    if audited is None:
        return read.revision
    require_chain(audited.entry, read.head.chain)
    require_rows_of_slot(read.slot.id, (event["slot_id"] for event in audited.events))
    written = write_answers(connection, audited.entry, audited.events, audited.seen_device)
    return read.revision + len(audited.events) if written else None


def write_answers(
    connection: Connection, audited: LinkedEntry, events: Sequence[dict[str, Any]], seen_device: int | None
) -> bool:
    """Store the answers with their audit entry, if the chain still ends where it was read; else False.

    `seen_device`: the browser whose lease is renewed along with them; None where that is not due.
    """
    with audited_writes(connection, audited, "answer_event"):
        if connection.dialect.name == "postgresql" and len(events) == 1:
            values = move_head_values(audited) | _entry_values(audited.entry) | events[0]
            return execute_keeping_alive(connection, _ALL_IN_ONE, values, seen_device, audited.entry.at)
        if not append_if_unmoved(connection, audited):
            return False
        connection.execute(*insert_answers_statement(connection, events))
    if seen_device is not None:
        write_device_seen(connection, seen_device, audited.entry.at)
    return True


def insert_answers_statement(
    connection: Connection, events: Sequence[dict[str, Any]]
) -> tuple[sa.Insert, Any]:
    """The statement that stores these answers, and its values: on PostgreSQL all of them as one document."""
    if connection.dialect.name == "postgresql":
        return _ALL_AT_ONCE, {"rows": orjson.dumps(events).decode()}
    return _INSERT_EVENT, list(events)


def _entry_values(entry: ChainEntry) -> dict[str, Any]:
    return {f"a_{name}": value for name, value in entry.as_row().items()}


_SEEN = (
    sa.update(Device)
    .where(col(Device.id) == sa.bindparam("seen_id"))
    .values(seen_at=sa.bindparam("seen", type_=table_of(Device).c.seen_at.type))
)


def device_seen_after(moved: sa.CTE) -> sa.CTE:
    """A part of a PostgreSQL statement: renews the browser's lease if the chain's head was moved."""
    return _SEEN.where(sa.exists().select_from(moved)).cte("seen")


def execute_keeping_alive(
    connection: Connection,
    statements: tuple[PlainWrite, PlainWrite],
    values: dict[str, Any],
    seen_device: int | None,
    at: datetime,
) -> bool:
    """Run the first statement, or the second, which renews a browser's lease too; whether the head moved."""
    alone, and_seen = statements
    if seen_device is None:
        return alone.execute(connection, values) == 1
    with bookkeeping_writes(connection, "device", ("seen_at",)):
        return and_seen.execute(connection, values | _seen_values(seen_device, at)) == 1


def write_device_seen(connection: Connection, device_id: int, at: datetime) -> None:
    """Renew a browser's lease: it was seen at `at`."""
    with bookkeeping_writes(connection, "device", ("seen_at",)):
        connection.execute(_SEEN, _seen_values(device_id, at))


def _seen_values(device_id: int, at: datetime) -> dict[str, Any]:
    return {"seen_id": device_id, "seen": at}


def renew_device_lease(engine: Engine, device_id: int, at: datetime) -> None:
    """Renew a browser's lease by a statement that is a transaction by itself."""
    with open_autocommit(engine) as connection:
        write_device_seen(connection, device_id, at)
        connection.commit()


def _one_statement(*, seen: bool) -> PlainWrite:
    """Head, audit entry, one answer (and browser) in one PostgreSQL statement, a transaction by itself."""
    moved = MOVE_HEAD_IF_UNMOVED.returning(col(AuditChain.chain)).cte("moved")
    audit = table_of(AuditEntry)
    names = [column.name for column in audit.columns if column.name != "id"]
    values = [sa.bindparam(f"a_{name}", type_=audit.c[name].type) for name in names]
    entered = sa.insert(audit).from_select(names, sa.select(*values).select_from(moved)).cte("entered")
    answers = table_of(AnswerEvent)
    fields = [column.name for column in answers.columns if column.name != "id"]
    row = [sa.bindparam(name, type_=answers.c[name].type) for name in fields]
    statement = sa.insert(answers).from_select(fields, sa.select(*row).select_from(moved))
    also = [device_seen_after(moved)] if seen else []
    return PlainWrite(statement.add_cte(entered, *also))


_ALL_IN_ONE = _one_statement(seen=False), _one_statement(seen=True)


def _from_document() -> sa.Insert:
    """Many answers cost one statement: thirty of them sent row by row took most of a submission's time."""
    answers = table_of(AnswerEvent)
    fields = [column.name for column in answers.columns if column.name != "id"]
    rows = sa.cast(sa.bindparam("rows", type_=sa.Text), JSONB)
    shaped = sa.func.jsonb_populate_recordset(sa.literal_column("NULL::answer_event"), rows)
    table = shaped.table_valued(*(sa.column(name, answers.c[name].type) for name in fields))
    return sa.insert(answers).from_select(fields, sa.select(*(table.c[name] for name in fields)))


_ALL_AT_ONCE = _from_document()
_INSERT_EVENT = sa.insert(table_of(AnswerEvent))
