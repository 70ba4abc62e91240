"""A participant's form in one read: browser, participant, site, slot, draft, and head of the audit chain."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col

from app.domain.instruments.responses import ValidAnswers
from app.storage.database.plain_reads import PlainRead
from app.storage.engine import autocommit_engine
from app.storage.plain_rows import (
    ChainHeadRecord,
    DeviceRecord,
    ParticipantRecord,
    SiteRecord,
    SlotRecord,
    StudyRecord,
)
from app.storage.queries.upcoming_forms import BESIDE_FORM, UpcomingForms, read_beside_form
from app.storage.statements.saving_context import CHAIN, DraftAnswer
from app.storage.tables.audit import AuditChain
from app.storage.tables.capture import AnswerEvent
from app.storage.tables.participants import Device, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site, Study

_PERSON: tuple[Any, ...] = (
    *(getattr(Participant, name) for name in ParticipantRecord._fields),
    *(getattr(Site, name) for name in SiteRecord._fields),
    *(getattr(Study, name) for name in StudyRecord._fields),
)
_DEVICE_COLUMNS: tuple[Any, ...] = (*(getattr(Device, name) for name in DeviceRecord._fields), *_PERSON)
_FORM: tuple[Any, ...] = (
    *(getattr(Slot, name) for name in SlotRecord._fields),
    *(getattr(AuditChain, name) for name in ChainHeadRecord._fields),
)


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
_OF_DEVICE = (
    sa.join(Device, Participant, col(Participant.id) == col(Device.participant_id))
    .join(Site, col(Site.id) == col(Participant.site_id))
    .join(Study, col(Study.id) == col(Participant.study_id))
)
_BOUND = (col(Device.token_hash) == sa.bindparam("token"), col(Device.revoked_at).is_(None))
_SESSION = PlainRead(sa.select(*_DEVICE_COLUMNS).select_from(_OF_DEVICE).where(*_BOUND))
_ALL = (
    sa.select(*_DEVICE_COLUMNS, *_FORM, _DRAFT)
    .select_from(_OF_DEVICE)
    .join(Slot, col(Slot.participant_id) == col(Participant.id))
    .join(AuditChain, col(AuditChain.chain) == CHAIN)
    .where(col(Slot.public_id) == sa.bindparam("slot"))
)
_BY_SLOT = (
    sa.select(*_PERSON, *_FORM, _DRAFT)
    .select_from(sa.join(Slot, Participant, col(Participant.id) == col(Slot.participant_id)))
    .join(Site, col(Site.id) == col(Participant.site_id))
    .join(Study, col(Study.id) == col(Participant.study_id))
    .join(AuditChain, col(AuditChain.chain) == CHAIN)
    .where(col(Slot.id) == sa.bindparam("slot_id"))
)
_BY_TOKEN = PlainRead(_ALL.where(*_BOUND))
_TO_SUBMIT = PlainRead(_ALL.add_columns(*BESIDE_FORM).where(*_BOUND))
_BY_DEVICE = PlainRead(_ALL.where(col(Device.id) == sa.bindparam("device")))


@dataclass(frozen=True, slots=True)
class PersonRows:
    """Whose form this is: records, not rows of a session."""

    participant: ParticipantRecord
    site: SiteRecord
    study: StudyRecord


@dataclass(frozen=True, slots=True)
class SessionRows(PersonRows):
    """Whose browser this is."""

    device: DeviceRecord


@dataclass(frozen=True, slots=True)
class FormRows:
    """A form of a participant, read at one moment.

    `draft`: of each item the latest answer; `head` is the version of everything else (optimistic lock).
    """

    person: PersonRows
    slot: SlotRecord
    head: ChainHeadRecord
    draft: Mapping[str, DraftAnswer]

    @property
    def answers(self) -> ValidAnswers:
        """The draft as the domain has it: each answer was checked when it was stored."""
        return ValidAnswers({item: answer.answer for item, answer in self.draft.items()})

    @property
    def revision(self) -> int:
        """The number of the draft's latest answer; 0 without one."""
        return max((answer.revision for answer in self.draft.values()), default=0)


@dataclass(frozen=True, slots=True)
class OwnFormRows(FormRows):
    """A form that a participant's own browser asks for."""

    person: SessionRows


def read_session_by_token(connection: Connection, token_hash: str) -> SessionRows | None:
    """Whose browser has this token; None unless it is bound."""
    rows = _SESSION.fetch(connection, {"token": token_hash})
    return _session_rows(iter(rows[0])) if rows else None


def read_form_by_token(engine: Engine, token_hash: str, slot: str) -> OwnFormRows | None:
    """The form that the browser with this token asks for; None unless it is bound and the slot is its own."""
    with _reading(engine).connect() as connection:
        rows = _BY_TOKEN.fetch(connection, {"token": token_hash, "slot": slot})
    return _own_form_rows(iter(rows[0])) if rows else None


def read_form_to_submit(
    engine: Engine, token_hash: str, slot: str, at: datetime
) -> tuple[OwnFormRows, UpcomingForms] | None:
    """As `read_form_by_token`, with what lies before its participant at `at` beside it."""
    with _reading(engine).connect() as connection:
        rows = _TO_SUBMIT.fetch(connection, {"token": token_hash, "slot": slot, "at": at})
        if not rows:
            return None
        values = iter(rows[0])
        form = _own_form_rows(values)
        next_at, document = values
        beside = read_beside_form(next_at, document, form.person.participant.exit_kind, connection.dialect)
        return form, beside


def read_form_by_device(engine: Engine, device_id: int, slot: str) -> OwnFormRows | None:
    """The form of a browser that was recognised already; None unless the slot is its own."""
    with _reading(engine).connect() as connection:
        return reread_form(connection, device_id, slot)


def reread_form(connection: Connection, device_id: int, slot: str) -> OwnFormRows | None:
    """Read a form again on a connection that holds the lock of the participant's chain."""
    rows = _BY_DEVICE.fetch(connection, {"device": device_id, "slot": slot})
    return _own_form_rows(iter(rows[0])) if rows else None


def read_form_of_slot(connection: Connection, slot_id: int) -> FormRows:
    """A form that staff submit for its participant, on a connection that holds the lock of the chain."""
    values = iter(connection.execute(_BY_SLOT, {"slot_id": slot_id}).one())
    return FormRows(_person_rows(values), *_slot_rows(values))


def _reading(engine: Engine) -> Engine:
    """One read needs no transaction around it on PostgreSQL, and no writer's turn on SQLite."""
    return autocommit_engine(engine) if engine.dialect.name == "postgresql" else engine


def _session_rows(values: Iterator[Any]) -> SessionRows:
    device = DeviceRecord._make(islice(values, len(DeviceRecord._fields)))
    person = _person_rows(values)
    return SessionRows(person.participant, person.site, person.study, device)


def _person_rows(values: Iterator[Any]) -> PersonRows:
    return PersonRows(
        ParticipantRecord._make(islice(values, len(ParticipantRecord._fields))),
        SiteRecord._make(islice(values, len(SiteRecord._fields))),
        StudyRecord._make(islice(values, len(StudyRecord._fields))),
    )


def _own_form_rows(values: Iterator[Any]) -> OwnFormRows:
    return OwnFormRows(_session_rows(values), *_slot_rows(values))


def _slot_rows(values: Iterator[Any]) -> tuple[SlotRecord, ChainHeadRecord, dict[str, DraftAnswer]]:
    return (
        SlotRecord._make(islice(values, len(SlotRecord._fields))),
        ChainHeadRecord._make(islice(values, len(ChainHeadRecord._fields))),
        {
            item: DraftAnswer(value, words, revision)
            for item, value, words, revision in sorted(next(values) or (), key=itemgetter(3))
        },
    )
