"""What the EDC sent to one address: versions and the `as_of` watermark."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Session, select

from app.domain.records.audit import format_instant
from app.domain.refusal import Refused
from app.storage.tables.edc import EdcRecord


class StoreEffect(StrEnum):
    """The effect of storing a body: created, changed, only its `as_of` is newer, or nothing at all."""

    created = "created"
    changed = "changed"
    newer = "newer"
    none = "none"


@dataclass(frozen=True, slots=True)
class StoreResult:
    """An address after a request: its version, watermark, and what the request did.

    `known`: something stood at this address before the EDC ever wrote to it. `claimed_as_of`: the moment
    that the EDC stated, where it was ahead of our clock and the server's stands in its place. `text` is what
    a GET would now serve.
    """

    version: int
    as_of: datetime | None
    effect: StoreEffect
    before: Mapping[str, Any] | None
    known: bool = False
    claimed_as_of: datetime | None = None
    text: str = ""

    @property
    def acts(self) -> bool:
        """Whether the body says something new."""
        return self.effect in (StoreEffect.created, StoreEffect.changed)

    @property
    def is_audited(self) -> bool:
        """Whether anything changed that the trail must tell."""
        return self.effect is not StoreEffect.none


class ContradictingBody(Exception):
    """Another body than the stored one for the same moment; both are told in the trail."""

    def __init__(self, record: EdcRecord, body: Mapping[str, Any]) -> None:
        super().__init__(record.resource)
        self.resource, self.as_of = record.resource, record.as_of
        self.stored, self.body = dict(record.body), dict(body)


@dataclass(frozen=True, slots=True)
class StatedBody:
    """A body for one address and the moment from which it is true.

    `claimed_as_of` is what the EDC stated in the place of `as_of`, if that is ahead of our clock. One that is
    `binding` is stored whatever its moment (a death).
    """

    body: Mapping[str, Any]
    as_of: datetime
    claimed_as_of: datetime | None = None
    binding: bool = False


def find_record(session: Session, study_id: int, resource: str) -> EdcRecord | None:
    """What the EDC last sent to this address of the study."""
    statement = select(EdcRecord).where(EdcRecord.study_id == study_id, EdcRecord.resource == resource)
    return session.exec(statement).one_or_none()


def store_record(
    session: Session, study_id: int, resource: str, stated: StatedBody, known: bool = False
) -> StoreResult:
    """Store a body under its address; the caller holds the participant's lock and acts on the effect.

    A body equal to the stored one makes no version; a newer `as_of` alone moves the watermark.
    `known` says that something stood at this address before the EDC ever wrote to it.
    Raises Refused("stale_update") (a late delivery never undoes a newer one), ContradictingBody.
    """
    record = find_record(session, study_id, resource)
    body, as_of, claimed = dict(stated.body), stated.as_of, stated.claimed_as_of
    if record is None:
        fresh = EdcRecord(
            study_id=study_id, resource=resource, version=1, as_of=as_of, body=body, claimed_as_of=claimed
        )
        session.add(fresh)
        return StoreResult(1, as_of, StoreEffect.created, None, known, claimed)
    if not stated.binding:
        _check_moment(record, stated)
    before, effect = dict(record.body), _effect(record, stated)
    if effect is not StoreEffect.none:
        record.as_of, record.claimed_as_of = max(as_of, record.as_of), claimed
    if effect is StoreEffect.changed:
        record.version, record.body = record.version + 1, body
    return StoreResult(record.version, record.as_of, effect, before, claimed_as_of=record.claimed_as_of)


def _check_moment(record: EdcRecord, stated: StatedBody) -> None:
    stored = to_milliseconds(record.as_of)
    if stated.as_of < stored:
        raise Refused("stale_update", as_of=format_instant(stated.as_of), stored=format_instant(record.as_of))
    if stated.as_of == stored and stated.body != record.body:
        raise ContradictingBody(record, stated.body)


def _effect(record: EdcRecord, stated: StatedBody) -> StoreEffect:
    if stated.body != record.body:
        return StoreEffect.changed
    repeated = stated.claimed_as_of is not None and stated.claimed_as_of == record.claimed_as_of
    newer = stated.as_of > to_milliseconds(record.as_of) and not repeated
    return StoreEffect.newer if newer else StoreEffect.none


def to_milliseconds(at: datetime) -> datetime:
    """An instant as finely as it is served."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
