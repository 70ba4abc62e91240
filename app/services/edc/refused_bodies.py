"""Facts that the EDC stated and that were refused: each is one matter until it is accepted or decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, func, select

from app.domain.desk.matters import MatterKind
from app.domain.records.audit import AuditEvent, FieldChange, canonical_json
from app.services.edc.records import find_record
from app.storage.queries.matters.refusals import WHOLE, describe_refusal, name_refusal, refusal_record
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import Settlement
from app.storage.tables.columns import table_of
from app.storage.tables.edc import EdcRefusal
from app.storage.tables.participants import Participant
from app.storage.unit_of_work import UnitOfWork

FIRST_TAKEN, LAST_TAKEN = date(1990, 1, 1), date(2199, 12, 31)
"""The days that the interface takes, whatever the plan says."""
COUNTED_EVERY = timedelta(hours=1)
"""How often at most the same body is counted, and another one noted once there were `AT_ONCE`."""
AT_ONCE = 10
"""So many bodies about one fact are noted as soon as they come."""
UNKNOWN_AT_MOST = 20
"""Of so many visits and dates that the plan does not have each is a matter of its own; all others are one."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far ahead of ours an EDC's clock may be."""

UNREADABLE = "unreadable"
"""The cause where a body is none that the interface takes."""
BEYOND = "date_beyond"
"""The cause where a date is none that the interface takes, although it exists."""
AHEAD = "as_of_in_future"
"""The cause where the message's own moment has not come yet."""
FACT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "": ("site", "language", "reference_date"),
    "status": ("status", "date", "scope", "reason"),
    "visits": ("state", "date"),
    "anchors": ("date", "at"),
    "arm": ("arm",),
}
"""The members by which a body states something of each kind of part."""
_UNKNOWN = frozenset({"no_visit", "no_anchor"})
_NO_FACT = frozenset(
    {"unknown_participant", "subject_exists", "insufficient_scope", "version_mismatch", "contradicting_body"}
)
"""Refusals that judge no fact: nobody is meant, somebody was quicker, a right is missing, the EDC's own
condition does not hold; and a contradiction, which the trail tells with both bodies."""


@dataclass(frozen=True, slots=True)
class FactBody:
    """What a body states of one part of a participant (`""`: of the person); empty members state nothing."""

    part: str
    stated: Mapping[str, object]
    as_of: datetime | None = None

    @property
    def resource_part(self) -> str:
        return self.part or WHOLE

    def list_stated(self) -> dict[str, object]:
        """The fields that say something."""
        return {name: value for name, value in self.stated.items() if value is not None}


def judges_fact(code: str) -> bool:
    """Whether a refusal of this code is one of a fact."""
    return code not in _NO_FACT


def note_refused_body(work: UnitOfWork, participant: Participant, body: FactBody, cause: str) -> None:
    """Keep a refused body as the matter of its fact; the caller holds the participant's lock.

    The same body is the same matter, also once it is decided. One that says what is stored already, or
    nothing at all, refuses nothing.
    """
    stated = body.list_stated()
    if (not stated and cause != UNREADABLE) or _is_stored(work.session, participant, body, stated):
        return
    part = body.resource_part
    row = _find(work.session, participant.id, part)
    if row is None and cause in _UNKNOWN and _has_many_unknown(work.session, participant.id):
        part, _, named = part.partition("/")
        stated["name"] = named
        row = _find(work.session, participant.id, part)
    as_of = body.as_of if body.as_of is not None and body.as_of <= work.at + CLOCKS_DIFFER else None
    if row is None:
        row = EdcRefusal(
            participant_id=participant.id,
            study_id=participant.study_id,
            part=part,
            cause=cause,
            stated=canonical_json(stated),
            as_of=as_of,
            version=1,
            refused_at=work.at,
            last_at=work.at,
            times=1,
        )
        work.session.add(row)
        _record(work, row, None)
    else:
        _note_again(work, row, canonical_json(stated), cause, as_of)


def _note_again(work: UnitOfWork, row: EdcRefusal, stated: str, cause: str, as_of: datetime | None) -> None:
    """A fact that was refused before: counted, or noted anew where something else is said of it."""
    is_open, same = row.ended_at is None, row.stated == stated
    if is_open and _is_decided(work.session, row):
        if same:
            return
        is_open = False
    rests = work.at < row.last_at + COUNTED_EVERY
    if is_open and same and row.cause == cause:
        if not rests:
            table = table_of(EdcRefusal)
            counted = {"times": row.times + 1, "last_at": work.at}
            work.update_bookkeeping(table, table.c.id == row.id, counted)
        return
    if is_open and rests and row.times >= AT_ONCE:
        return
    before = describe_refusal(row) if is_open else None
    row.times = row.times + 1 if is_open else 1
    row.refused_at = row.refused_at if is_open else work.at
    row.version += 0 if is_open and same else 1
    row.stated, row.cause, row.as_of, row.last_at, row.ended_at = stated, cause, as_of, work.at, None
    _record(work, row, before)


def end_refusal(work: UnitOfWork, participant: Participant, part: str, as_of: datetime | None) -> None:
    """A body about this part was accepted, true from `as_of`: what was refused before it is open no more."""
    row = _find(work.session, participant.id, part or WHOLE)
    if row is None or row.ended_at is not None:
        return
    if row.as_of is None or as_of is None or as_of >= row.as_of:
        row.ended_at = work.at
        change = FieldChange(refusal_record(row.part), "body", describe_refusal(row), None)
        work.record(AuditEvent.BODY_ACCEPTED, participant_chain(participant.id), changes=[change])


def _record(work: UnitOfWork, row: EdcRefusal, before: Mapping[str, object] | None) -> None:
    change = FieldChange(refusal_record(row.part), "body", before, describe_refusal(row))
    chain = participant_chain(row.participant_id)
    work.record(AuditEvent.BODY_REFUSED, chain, row.study_id, changes=[change])


def _find(session: Session, participant_id: int, part: str) -> EdcRefusal | None:
    same = select(EdcRefusal).where(EdcRefusal.participant_id == participant_id, EdcRefusal.part == part)
    return session.exec(same).one_or_none()


def _has_many_unknown(session: Session, participant_id: int) -> bool:
    unknown = select(func.count()).where(
        EdcRefusal.participant_id == participant_id, col(EdcRefusal.cause).in_(_UNKNOWN)
    )
    return session.exec(unknown).one() >= UNKNOWN_AT_MOST


def _is_stored(
    session: Session, participant: Participant, body: FactBody, stated: Mapping[str, object]
) -> bool:
    resource = f"participants/{participant.subject}" + (f"/{body.part}" if body.part else "")
    record = find_record(session, participant.study_id, resource)
    return record is not None and FactBody(body.part, record.body).list_stated() == stated


def _is_decided(session: Session, row: EdcRefusal) -> bool:
    decided = select(Settlement.id).where(
        Settlement.participant_id == row.participant_id,
        Settlement.kind == MatterKind.edc_message,
        Settlement.ref == name_refusal(row.id, row.version),
    )
    return session.exec(decided).first() is not None
