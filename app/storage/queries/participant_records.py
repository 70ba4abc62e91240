"""All that is recorded of one participant beside their forms: of many tables, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.desk.matters import MatterKind
from app.domain.records.audit import AuditEvent
from app.storage.database.plain_reads import PlainRead
from app.storage.queries.matters.branches import EARLIER, LATER, UNAWARE
from app.storage.queries.slots import code_literal, paper_waits
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import Alert, AnswerEvent, PaperEntry, Quarantine, Settlement
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Activation, ContactEntry, Device, TeamRequest
from app.storage.tables.schedule import Anchor, Disposition, Slot
from app.storage.tables.staff import Staff, Throttle

_AT = table_of(Anchor).c.recorded_at.type
_WORDS = dict.fromkeys(("kind", "note", "source", "detail", "by", "who"), "")
"""Columns of text, where nothing is as good as an empty text."""
_Column = TypeVar("_Column")
_PARTICIPANT = sa.bindparam("participant", type_=sa.Integer)
_COUNTERS = ("counter_1", "counter_2", "counter_3")
_TYPES: dict[str, Any] = {
    "number": sa.BigInteger(),
    "slot_id": sa.BigInteger(),
    "kind": sa.String(),
    "note": sa.String(),
    "source": sa.String(),
    "detail": sa.String(),
    "dated_on": sa.Date(),
    "at": _AT,
    "seen_at": _AT,
    "ended_at": _AT,
    "other_at": _AT,
    "by": sa.String(),
    "refers_to": sa.BigInteger(),
}


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One row of one table, in columns that all of them share; `who` is the name of the staff behind `by`.

    What a table does not have is None, and an empty text where the column is one of text.
    """

    table: str
    number: int
    slot_id: int | None
    kind: str
    note: str
    source: str
    detail: str
    dated_on: date | None
    at: datetime | None
    seen_at: datetime | None
    ended_at: datetime | None
    other_at: datetime | None
    by: str
    refers_to: int | None
    who: str


def require_value(value: _Column | None) -> _Column:
    """What stands in a column that the line's table has. Raises ValueError where nothing does."""
    if value is None:
        raise ValueError("a column that the table has is empty")
    return value


def _part(
    table: str, condition: sa.ColumnElement[bool], **columns: sa.SQLColumnExpression[Any]
) -> sa.Select[Any]:
    """The rows of a table under the shared names; what it does not have is empty."""
    shared = [sa.cast(columns.get(name, sa.null()), kind).label(name) for name, kind in _TYPES.items()]
    return sa.select(sa.literal(table, sa.String).label("table"), *shared).where(condition)


_SLOT, _EVENT, _APART = table_of(Slot), table_of(AnswerEvent), table_of(Quarantine)
_DECIDED = (
    sa.select(sa.cast(col(Settlement.decision), sa.String))
    .where(
        col(Settlement.participant_id) == _PARTICIPANT,
        sa.cast(col(Settlement.kind), sa.String) == code_literal(MatterKind.quarantine),
        col(Settlement.ref) == sa.cast(_APART.c.id, sa.String),
    )
    .scalar_subquery()
)
"""What was decided of answers that lay apart; nothing while that waits."""
_DRAFTS = _part(
    "draft",
    sa.and_(
        _SLOT.c.participant_id == _PARTICIPANT, _SLOT.c.begun_at.is_not(None), _SLOT.c.submitted_at.is_(None)
    ),
    number=sa.func.count(sa.distinct(_EVENT.c.item)),
    slot_id=_SLOT.c.id,
)
_PARTS: Sequence[sa.Select[Any]] = (
    _part(
        "anchor",
        col(Anchor.participant_id) == _PARTICIPANT,
        number=col(Anchor.id),
        kind=col(Anchor.kind),
        detail=col(Anchor.standing),
        source=col(Anchor.source),
        note=col(Anchor.reason),
        dated_on=col(Anchor.dated_on),
        at=col(Anchor.recorded_at),
        by=col(Anchor.recorded_by),
    ),
    _part(
        "disposition",
        col(Disposition.participant_id) == _PARTICIPANT,
        number=col(Disposition.id),
        kind=col(Disposition.kind),
        detail=col(Disposition.stated_date),
        source=col(Disposition.source),
        note=col(Disposition.reason),
        at=col(Disposition.recorded_at),
        by=col(Disposition.recorded_by),
        refers_to=col(Disposition.undoes_id),
    ),
    _part(
        "device",
        col(Device.participant_id) == _PARTICIPANT,
        number=col(Device.id),
        kind=col(Device.label),
        at=col(Device.bound_at),
        seen_at=col(Device.seen_at),
        ended_at=col(Device.revoked_at),
        by=col(Device.handed_over_by),
    ),
    _part(
        "activation",
        sa.and_(col(Activation.participant_id) == _PARTICIPANT, col(Activation.handed_over_by).is_(None)),
        number=col(Activation.id),
        at=col(Activation.issued_at),
        seen_at=col(Activation.expires_at),
        ended_at=col(Activation.revoked_at),
        other_at=col(Activation.used_at),
        by=col(Activation.issued_by),
    ),
    _part(
        "participant_request",
        col(TeamRequest.participant_id) == _PARTICIPANT,
        number=col(TeamRequest.id),
        kind=col(TeamRequest.kind),
        slot_id=col(TeamRequest.slot_id),
        note=col(TeamRequest.outcome),
        at=col(TeamRequest.asked_at),
        ended_at=col(TeamRequest.closed_at),
        by=col(TeamRequest.closed_by),
    ),
    _part(
        "contact_entry",
        col(ContactEntry.participant_id) == _PARTICIPANT,
        number=col(ContactEntry.id),
        kind=col(ContactEntry.outcome),
        note=col(ContactEntry.note),
        detail=col(ContactEntry.reason),
        dated_on=col(ContactEntry.next_try_on),
        at=col(ContactEntry.contacted_at),
        other_at=col(ContactEntry.recorded_at),
        by=col(ContactEntry.recorded_by),
        refers_to=col(ContactEntry.corrects_id),
    ),
    _part(
        "quarantine",
        sa.and_(_SLOT.c.participant_id == _PARTICIPANT, _APART.c.slot_id == _SLOT.c.id),
        number=_APART.c.id,
        kind=_APART.c.reason,
        slot_id=_APART.c.slot_id,
        at=_APART.c.received_at,
        detail=_DECIDED,
    ),
    _part(
        "contradiction",
        sa.and_(
            col(AuditEntry.chain) == sa.bindparam("chain", type_=sa.String),
            col(AuditEntry.event) == AuditEvent.BODY_CONTRADICTED.value,
        ),
        number=col(AuditEntry.id),
        note=col(AuditEntry.changes),
        at=col(AuditEntry.at),
    ),
    _part(
        "conflict",
        sa.and_(UNAWARE, _SLOT.c.id == LATER.c.slot_id, _SLOT.c.participant_id == _PARTICIPANT),
        number=LATER.c.id,
        slot_id=LATER.c.slot_id,
        kind=LATER.c.item,
        at=EARLIER.c.received_at,
        other_at=LATER.c.received_at,
        refers_to=EARLIER.c.id,
    ),
    _part(
        "settlement",
        col(Settlement.participant_id) == _PARTICIPANT,
        number=col(Settlement.id),
        kind=col(Settlement.kind),
        note=col(Settlement.ref),
        at=col(Settlement.settled_at),
    ),
    _part("alert", col(Alert.participant_id) == _PARTICIPANT, number=col(Alert.id)),
    _part(
        "paper",
        sa.and_(col(PaperEntry.participant_id) == _PARTICIPANT, *paper_waits()),
        number=col(PaperEntry.id),
        slot_id=col(PaperEntry.slot_id),
    ),
    _part(
        "throttle",
        sa.and_(
            col(Throttle.failures) > sa.literal_column("0"),
            sa.or_(*(col(Throttle.subject).like(sa.bindparam(name, type_=sa.String)) for name in _COUNTERS)),
        ),
        number=col(Throttle.failures),
        kind=col(Throttle.subject),
        at=col(Throttle.since_at),
    ),
    _DRAFTS.select_from(_SLOT.join(_EVENT, _EVENT.c.slot_id == _SLOT.c.id)).group_by(_SLOT.c.id),
)


def _statement() -> sa.Select[Any]:
    lines = sa.union_all(*_PARTS).subquery("line")
    named = sa.literal("staff:").concat(sa.cast(col(Staff.id), sa.String))
    return (
        sa.select(lines, col(Staff.name).label("who"))
        .join_from(lines, Staff, lines.c.by == named, isouter=True)
        .order_by(lines.c.table, lines.c.number, lines.c.refers_to)
    )


_LINES = PlainRead(_statement())


def read_participant_records(
    connection: Connection, participant_id: int, counters: tuple[str, str, str]
) -> Sequence[RecordLine]:
    """Everything recorded of a participant, by table and in the order in which it came.

    `counters` are the patterns of the names of what counts wrong answers to their second check.
    """
    values = {"participant": participant_id, "chain": participant_chain(participant_id)}
    values |= dict(zip(_COUNTERS, counters, strict=True))
    return [RecordLine(*map(_fill, row, _EMPTY)) for row in _LINES.fetch(connection, values)]


def _fill(value: object, empty: object) -> Any:  # noqa: ANN401 - of any column
    return empty if value is None else value


_EMPTY = tuple(_WORDS.get(field.name) for field in fields(RecordLine))
"""What stands in a line where a table has nothing, by column."""
