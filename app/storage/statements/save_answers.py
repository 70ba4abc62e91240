"""The hot path of an answer: one read, one write.

The head of a participant's audit chain is also the version number of everything that is known of
them, because every change is audited. So an answer is judged on one read and written by one
statement that holds only if that head has not moved; otherwise both are done again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.capture.answers import SubmittedAnswer
from app.domain.instruments.responses import AnswerValue
from app.domain.records.audit import ChainEntry
from app.storage.audit import (
    MOVE_HEAD,
    AuditedEntry,
    append_entry,
    audited_writes,
    bookkeeping_writes,
    move_head_values,
)
from app.storage.tables.audit import AuditChain, AuditEntry
from app.storage.tables.capture import AnswerEvent
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Device, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study

_OWN = sa.literal_column("'participant:'", sa.String)
CHAIN = _OWN.concat(sa.cast(col(Participant.id), sa.String))
"""The chain of a participant in a query. Written out: a constant that is bound is sent each time."""

_SLOT = table_of(Slot)
_NEWEST = table_of(AnswerEvent).alias("newest")

_COLUMNS: tuple[Any, ...] = (
    col(Device.id).label("device_id"),
    col(Device.seen_at),
    col(Device.locked_at),
    col(Participant.public_id).label("person"),
    col(Participant.language),
    col(Study.code).label("study"),
    _SLOT,
    col(AuditChain.chain),
    col(AuditChain.seq),
    col(AuditChain.hash),
    sa.select(sa.func.coalesce(sa.func.max(_NEWEST.c.revision), 0))
    .where(_NEWEST.c.slot_id == col(Slot.id))
    .scalar_subquery()
    .label("revision"),
)

_BEFORE: tuple[Any, ...] = (
    col(AnswerEvent.item).label("earlier_item"),
    col(AnswerEvent.value).label("earlier_value"),
    col(AnswerEvent.words).label("earlier_words"),
    col(AnswerEvent.client).label("earlier_client"),
    col(AnswerEvent.seq).label("earlier_seq"),
)

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

_READ = (
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

_DRAFT = (
    sa.select(
        col(AnswerEvent.item), col(AnswerEvent.value), col(AnswerEvent.words), col(AnswerEvent.revision)
    )
    .where(col(AnswerEvent.slot_id) == sa.bindparam("slot_id"))
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
    def told(self) -> int | str | None:
        """The answer as the domain has it."""
        return self.value if self.words is None else self.words


@dataclass(frozen=True, slots=True)
class EarlierAnswers:
    """What came before: the numbers of a client's events stored already, from the one before these on,
    and what items hold."""

    known: Collection[int]
    held: Mapping[str, AnswerValue]


def read_slot_for_saving(
    connection: Connection, token_hash: str, slot: str, client: str, given: Sequence[SubmittedAnswer]
) -> tuple[sa.Row[Any], EarlierAnswers] | None:
    """Browser, participant, slot and chain head in one row, and what these answers meet in the draft.

    None unless it is this browser's own slot.
    """
    told = {
        "token_hash": token_hash,
        "slot": slot,
        "client": client,
        "first": min(answer.seq for answer in given) - 1,
        "items": list({answer.item for answer in given}),
    }
    rows: Sequence[sa.Row[Any]] = connection.execute(_READ, told).all()
    return (rows[0], _earlier(rows, client)) if rows else None


def _earlier(rows: Sequence[sa.Row[Any]], client: str) -> EarlierAnswers:
    held: dict[str, AnswerValue] = {}
    known: set[int] = set()
    for row in rows:
        if row.earlier_item is not None:
            held[row.earlier_item] = row.earlier_value if row.earlier_words is None else row.earlier_words
            if row.earlier_client == client:
                known.add(row.earlier_seq)
    return EarlierAnswers(known, held)


def slot_of(row: sa.Row[Any]) -> Slot:
    """The slot in a row that `read_slot` returned: it has the slot's columns under the same names.

    To build a `Slot` of them would cost more than reading them did.
    """
    return cast(Slot, row)


_LINE = sa.select(col(AuditChain.seq)).where(col(AuditChain.chain) == sa.bindparam("line")).with_for_update()
_CHAIN_OF = sa.select(_OWN.concat(sa.cast(Device.participant_id, sa.String))).where(
    col(Device.token_hash) == sa.bindparam("token_hash")
)


def lock_chain(connection: Connection, chain: str) -> None:
    """Wait in line for a participant's head and keep it until the transaction ends: nobody overtakes then."""
    connection.execute(_LINE, {"line": chain})


def lock_chain_of_device(connection: Connection, token_hash: str) -> None:
    """`hold` the head of the participant whose browser this is."""
    lock_chain(connection, connection.execute(_CHAIN_OF, {"token_hash": token_hash}).scalar_one())


def read_draft(connection: Connection, slot_id: int) -> dict[str, DraftAnswer]:
    """The draft: for each item the latest event."""
    rows = connection.execute(_DRAFT, {"slot_id": slot_id})
    return {row.item: DraftAnswer(row.value, row.words, row.revision) for row in rows}


def is_device_bound(connection: Connection, token_hash: str) -> bool:
    """Whether this is a browser that somebody uses, whoever it is."""
    return connection.execute(_BOUND, {"token_hash": token_hash}).first() is not None


def write_answers(connection: Connection, audited: AuditedEntry, events: Sequence[dict[str, Any]]) -> bool:
    """Store the answers with their audit entry, if the chain still ends where it was read; else False."""
    with audited_writes(connection, audited, "answer_event"):
        if connection.dialect.name == "postgresql" and len(events) == 1:
            values = move_head_values(audited) | _entry_values(audited.entry) | events[0]
            return connection.execute(_ALL_IN_ONE, values).rowcount == 1
        if not append_entry(connection, audited):
            return False
        connection.execute(*insert_answers_statement(connection, events))
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


def _one_statement() -> sa.Insert:
    """Head, audit entry and one answer in a single PostgreSQL statement: one durable round trip."""
    moved = MOVE_HEAD.returning(col(AuditChain.chain)).cte("moved")
    audit = table_of(AuditEntry)
    names = [column.name for column in audit.columns if column.name != "id"]
    values = [sa.bindparam(f"a_{name}", type_=audit.c[name].type) for name in names]
    entered = sa.insert(audit).from_select(names, sa.select(*values).select_from(moved)).cte("entered")
    answers = table_of(AnswerEvent)
    fields = [column.name for column in answers.columns if column.name != "id"]
    given = [sa.bindparam(name, type_=answers.c[name].type) for name in fields]
    statement = sa.insert(answers).from_select(fields, sa.select(*given).select_from(moved))
    return statement.add_cte(entered).execution_options(preserve_rowcount=True)


_ALL_IN_ONE = _one_statement()


def _from_document() -> sa.Insert:
    """Many answers cost one statement: thirty of them sent row by row took most of a submission's time."""
    answers = table_of(AnswerEvent)
    fields = [column.name for column in answers.columns if column.name != "id"]
    rows = sa.cast(sa.bindparam("rows", type_=sa.Text), JSONB)
    shaped = sa.func.jsonb_populate_recordset(sa.literal_column("NULL::answer_event"), rows)
    given = shaped.table_valued(*(sa.column(name, answers.c[name].type) for name in fields))
    return sa.insert(answers).from_select(fields, sa.select(*(given.c[name] for name in fields)))


_ALL_AT_ONCE = _from_document()
_EACH = sa.insert(table_of(AnswerEvent))


def write_device_seen(connection: Connection, device_id: int, at: datetime) -> None:
    """Keep the device's session alive."""
    with bookkeeping_writes(connection, "device", ["seen_at"]):
        connection.execute(
            sa.update(Device)
            .where(col(Device.id) == sa.bindparam("device"))
            .values(seen_at=sa.bindparam("moment")),
            {"device": device_id, "moment": at},
        )
