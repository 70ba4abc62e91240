"""What a sending meets, read at once: browser, participant, site, slot, draft, and the trail's head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import SQLModel, col

from app.storage.plain_rows import plain_row
from app.storage.statements.save_answers import CHAIN, DraftAnswer
from app.storage.tables.audit import AuditChain
from app.storage.tables.capture import AnswerEvent
from app.storage.tables.participants import Device, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site, Study

_UNREAD = frozenset({"participant_id", "site_id", "series", "position", "announced"})
"""Columns of a slot that nothing on the way of a sending asks for."""

_READ: Mapping[type[SQLModel], Sequence[str]] = {
    Device: ("id", "seen_at", "locked_at"),
    Participant: (
        "id",
        "public_id",
        "study_id",
        "subject",
        "language",
        "text_size",
        "zone",
        "exit_kind",
        "enrolled_at",
    ),
    Site: ("id", "code", "phone", "hours", "urgent_words"),
    Study: ("code", "plan_version"),
    Slot: [column.key for column in sa.inspect(Slot).columns if column.key not in _UNREAD],
    AuditChain: ("chain", "seq", "hash"),
}
"""What is read of each; every column more costs a little with every form that is sent."""


class _Rows(FunctionElement[Any]):
    """The rows of a query as one document: a list of lists, in no order."""

    type = sa.JSON()
    inherit_cache = True


@compiles(_Rows, "postgresql")
def _on_postgresql(rows: _Rows, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the compiler's own
    return f"jsonb_agg(jsonb_build_array({compiler.process(rows.clauses, **options)}))"


@compiles(_Rows, "sqlite")
def _on_sqlite(rows: _Rows, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as above
    return f"json_group_array(json_array({compiler.process(rows.clauses, **options)}))"


_DRAFT = (
    sa.select(
        _Rows(
            col(AnswerEvent.item), col(AnswerEvent.value), col(AnswerEvent.words), col(AnswerEvent.revision)
        )
    )
    .where(col(AnswerEvent.slot_id) == col(Slot.id))
    .scalar_subquery()
)
_ALL = (
    sa.select(_DRAFT, *(getattr(kind, name) for kind, names in _READ.items() for name in names))
    .select_from(Device)
    .join(Participant, col(Participant.id) == col(Device.participant_id))
    .join(Site, col(Site.id) == col(Participant.site_id))
    .join(Study, col(Study.id) == col(Participant.study_id))
    .join(Slot, col(Slot.participant_id) == col(Participant.id))
    .join(AuditChain, col(AuditChain.chain) == CHAIN)
    .where(col(Slot.public_id) == sa.bindparam("slot"))
)
_BY_TOKEN = _ALL.where(col(Device.token_hash) == sa.bindparam("token"), col(Device.revoked_at).is_(None))
_BY_DEVICE = _ALL.where(col(Device.id) == sa.bindparam("device"))


@dataclass(frozen=True, slots=True)
class SubmissionContext:
    """Records, not rows of a session: nothing of them is ever flushed.

    `draft`: of each item the latest event, read in the same moment as the head.
    """

    draft: Mapping[str, DraftAnswer]
    device: Device
    participant: Participant
    site: Site
    study: Study
    slot: Slot
    head: AuditChain


def read_submission_by_token(connection: Connection, token_hash: str, slot: str) -> SubmissionContext | None:
    """What the browser with this token meets; None unless it is bound and the slot is its own."""
    return _met(connection.execute(_BY_TOKEN, {"token": token_hash, "slot": slot}).one_or_none())


def read_submission_by_device(connection: Connection, device_id: int, slot: str) -> SubmissionContext | None:
    """What a browser that was recognised already meets; None unless the slot is its own."""
    return _met(connection.execute(_BY_DEVICE, {"device": device_id, "slot": slot}).one_or_none())


def _met(row: sa.Row[Any] | None) -> SubmissionContext | None:
    if row is None:
        return None
    left = iter(row)
    draft = {
        item: DraftAnswer(value, words, revision)
        for item, value, words, revision in sorted(next(left) or (), key=itemgetter(3))
    }
    records: list[Any] = [
        plain_row(kind, dict(zip(names, islice(left, len(names)), strict=True)))
        for kind, names in _READ.items()
    ]
    return SubmissionContext(draft, *records)
