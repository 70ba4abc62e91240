"""The hot path of an answer: one read, one write.

The head of a participant's audit chain is also the version number of everything that is known of
them, because every change is audited. So an answer is judged on one read and written by one
statement that holds only if that head has not moved; otherwise both are done again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Engine
from sqlmodel import col

from app.domain.capture.answers import SubmittedAnswer
from app.domain.instruments.responses import AnswerValue
from app.domain.records.audit import ChainEntry
from app.storage.audit import (
    MOVE_HEAD_IF_UNMOVED,
    LinkedEntry,
    append_if_unmoved,
    audited_writes,
    bookkeeping_writes,
    move_head_values,
)
from app.storage.database.plain_reads import PlainRead
from app.storage.database.plain_writes import PlainWrite
from app.storage.database.write_guard import WriteRefused
from app.storage.plain_rows import ChainHeadRecord, SlotRecord
from app.storage.statements.connections import open_autocommit, open_transaction
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.capture import AnswerEvent
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Device, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study

_Result = TypeVar("_Result")
_OWN = sa.literal_column("'participant:'", sa.String)
CHAIN = _OWN.concat(sa.cast(col(Participant.id), sa.String))
"""The chain of a participant in a query. Written out: a constant that is bound is sent each time."""

_NEWEST = table_of(AnswerEvent).alias("newest")

_COLUMNS: tuple[Any, ...] = (
    col(Device.id).label("device_id"),
    col(Device.seen_at),
    col(Device.locked_at),
    col(Participant.public_id).label("participant"),
    col(Participant.language),
    col(Study.code).label("study"),
    *(getattr(Slot, name) for name in SlotRecord._fields),
    *(getattr(AuditChain, name) for name in ChainHeadRecord._fields),
    sa.select(sa.func.coalesce(sa.func.max(_NEWEST.c.revision), 0))
    .where(_NEWEST.c.slot_id == col(Slot.id))
    .scalar_subquery()
    .label("revision"),
)
"""`_WHO` columns of device, participant and study, then slot, head and revision."""

_BEFORE: tuple[Any, ...] = (
    col(AnswerEvent.item).label("earlier_item"),
    col(AnswerEvent.value).label("earlier_value"),
    col(AnswerEvent.words).label("earlier_words"),
    col(AnswerEvent.client).label("earlier_client"),
    col(AnswerEvent.seq).label("earlier_seq"),
    col(AnswerEvent.base).label("earlier_base"),
    col(AnswerEvent.revision).label("earlier_revision"),
)
_WHO = 6
_SLOT_ENDS = _WHO + len(SlotRecord._fields)
_HEAD_ENDS = _SLOT_ENDS + len(ChainHeadRecord._fields)

_CONCERNED = sa.and_(
    col(AnswerEvent.slot_id) == col(Slot.id),
    sa.or_(
        col(AnswerEvent.item).in_(sa.bindparam("items", expanding=True)),
        sa.and_(
            col(AnswerEvent.client) == sa.bindparam("client"),
            col(AnswerEvent.seq) >= sa.bindparam("first"),
        ),
    ),
)

_READ = PlainRead(
    sa.select(*_COLUMNS, *_BEFORE)
    .select_from(sa.join(Device, Participant, col(Participant.id) == col(Device.participant_id)))
    .join(Study, col(Study.id) == col(Participant.study_id))
    .join(Slot, col(Slot.participant_id) == col(Participant.id))
    .join(AuditChain, col(AuditChain.chain) == CHAIN)
    .outerjoin(AnswerEvent, _CONCERNED)
    .where(
        col(Device.token_hash) == sa.bindparam("token_hash"),
        col(Device.revoked_at).is_(None),
        col(Slot.public_id) == sa.bindparam("slot"),
    )
    .order_by(col(AnswerEvent.revision))
)

_BOUND = sa.select(col(Device.id)).where(
    col(Device.token_hash) == sa.bindparam("token_hash"), col(Device.revoked_at).is_(None)
)


@dataclass(frozen=True, slots=True)
class DraftAnswer:
    """What an item holds now: a code, words, or neither for "left blank"."""

    value: int | None
    words: str | None
    revision: int

    @property
    def answer(self) -> int | str | None:
        """The answer as the domain has it."""
        return self.value if self.words is None else self.words


@dataclass(frozen=True, slots=True)
class SavingContext:
    """What answers on their way to a draft meet: browser, participant, slot, chain head, and earlier answers.

    `known_seqs`: numbers of this client's events that are stored already, from the one before these on;
    `aware`: the revisions of those that rested on the one before them; `earlier`: what the items hold now.
    """

    device_id: int
    seen_at: datetime
    locked_at: datetime | None
    participant: str
    language: str
    study: str
    slot: SlotRecord
    head: ChainHeadRecord
    revision: int
    known_seqs: Collection[int]
    aware: Mapping[int, int]
    earlier: Mapping[str, AnswerValue]


def read_slot_for_saving(
    connection: Connection, token_hash: str, slot: str, client: str, answers: Sequence[SubmittedAnswer]
) -> SavingContext | None:
    """Read all that saving needs in one statement; None unless it is this browser's own slot."""
    values = {
        "token_hash": token_hash,
        "slot": slot,
        "client": client,
        "first": min(answer.seq for answer in answers) - 1,
        "items": list({answer.item for answer in answers}),
    }
    rows = _READ.fetch(connection, values)
    return _saving_context(rows, client) if rows else None


def _saving_context(rows: Sequence[tuple[Any, ...]], client: str) -> SavingContext:
    earlier: dict[str, AnswerValue] = {}
    known_seqs: set[int] = set()
    aware: dict[int, int] = {}
    for row in rows:
        item, value, words, its_client, seq, base, revision = row[_HEAD_ENDS + 1 :]
        if item is not None:
            earlier[item] = value if words is None else words
            if its_client == client:
                known_seqs.add(seq)
                if base >= revision - 1:
                    aware[seq] = revision
    first = rows[0]
    device_id, seen_at, locked_at, participant, language, study = first[:_WHO]
    return SavingContext(
        device_id=device_id,
        seen_at=seen_at,
        locked_at=locked_at,
        participant=participant,
        language=language,
        study=study,
        slot=SlotRecord._make(first[_WHO:_SLOT_ENDS]),
        head=ChainHeadRecord._make(first[_SLOT_ENDS:_HEAD_ENDS]),
        revision=first[_HEAD_ENDS],
        known_seqs=known_seqs,
        aware=aware,
        earlier=earlier,
    )


_LINE = sa.select(col(AuditChain.seq)).where(col(AuditChain.chain) == sa.bindparam("line")).with_for_update()
_CHAIN_OF = sa.select(_OWN.concat(sa.cast(Device.participant_id, sa.String))).where(
    col(Device.token_hash) == sa.bindparam("token_hash")
)


def lock_chain(connection: Connection, chain: str) -> None:
    """Take the row lock of a participant's chain until the transaction ends, so that no conflict can come."""
    connection.execute(_LINE, {"line": chain})


def run_holding_chain(engine: Engine, chain: str, act: Callable[[Connection], _Result]) -> _Result:
    """Do this act in a transaction that holds the head of a participant's chain, and commit it."""
    with open_transaction(engine) as connection:
        lock_chain(connection, chain)
        result = act(connection)
        connection.commit()
    return result


def require_written(result: _Result | None) -> _Result:
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
    """Answers on their way to a draft: of which browser, by the hash of its token, slot and client."""

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
    """Read once, write what `judge` makes of it, and return the form's revision.

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
    """Read and write anew under the head's row lock, where nobody else can move it."""
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
    return _EACH, list(events)


def _entry_values(entry: ChainEntry) -> dict[str, Any]:
    return {f"a_{name}": value for name, value in entry.as_row().items()}


_SEEN_COLUMNS = ("seen_at",)
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
    with bookkeeping_writes(connection, "device", _SEEN_COLUMNS):
        return and_seen.execute(connection, values | _seen_values(seen_device, at)) == 1


def write_device_seen(connection: Connection, device_id: int, at: datetime) -> None:
    """Renew a browser's lease: it was seen at `at`."""
    with bookkeeping_writes(connection, "device", _SEEN_COLUMNS):
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
_EACH = sa.insert(table_of(AnswerEvent))
