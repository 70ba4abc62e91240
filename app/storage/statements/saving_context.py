"""The context of saving answers, in one read: browser, slot, chain head and earlier answers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.capture.answers import SubmittedAnswer
from app.domain.instruments.responses import AnswerValue
from app.storage.database.plain_reads import PlainRead
from app.storage.plain_rows import ChainHeadRecord, SlotRecord
from app.storage.tables.audit import AuditChain
from app.storage.tables.capture import AnswerEvent
from app.storage.tables.columns import table_of
from app.storage.tables.participants import Device, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study

OWN_CHAIN = sa.literal_column("'participant:'", sa.String)
"""With what the name of a participant's chain begins, before their key."""
CHAIN = OWN_CHAIN.concat(sa.cast(col(Participant.id), sa.String))
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
"""`_OWNER_COLUMNS` columns of device, participant and study, then slot, head and revision."""

_BEFORE: tuple[Any, ...] = (
    col(AnswerEvent.item).label("earlier_item"),
    col(AnswerEvent.value).label("earlier_value"),
    col(AnswerEvent.words).label("earlier_words"),
    col(AnswerEvent.client).label("earlier_client"),
    col(AnswerEvent.seq).label("earlier_seq"),
    col(AnswerEvent.base).label("earlier_base"),
    col(AnswerEvent.revision).label("earlier_revision"),
)
_OWNER_COLUMNS = 6
_SLOT_ENDS = _OWNER_COLUMNS + len(SlotRecord._fields)
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
    """The context of saving answers: browser, participant, slot, chain head, and earlier answers.

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
    device_id, seen_at, locked_at, participant, language, study = first[:_OWNER_COLUMNS]
    return SavingContext(
        device_id=device_id,
        seen_at=seen_at,
        locked_at=locked_at,
        participant=participant,
        language=language,
        study=study,
        slot=SlotRecord._make(first[_OWNER_COLUMNS:_SLOT_ENDS]),
        head=ChainHeadRecord._make(first[_SLOT_ENDS:_HEAD_ENDS]),
        revision=first[_HEAD_ENDS],
        known_seqs=known_seqs,
        aware=aware,
        earlier=earlier,
    )
