"""What the EDC sent to one address: versions, preconditions and the `as_of` watermark."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Session, select

from app.domain.records.audit import format_instant
from app.domain.refusal import Refused
from app.storage.tables.edc import EdcRecord


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The If-Match and If-None-Match headers of a request (RFC 9110 §13), as they were sent."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, version: int | None) -> None:
        """Raises Refused("version_mismatch") when the stored version (None: nothing there) does not fit."""
        if self.if_match is not None and not _names(self.if_match, version, weak=False):
            raise Refused("version_mismatch", version=version)
        if self.if_none_match is not None and _names(self.if_none_match, version, weak=True):
            raise Refused("version_mismatch", version=version)

    def check_reading(self, version: int) -> None:
        """For a GET, where If-None-Match only asks for news. Raises Refused("version_mismatch")."""
        Preconditions(self.if_match).check(version)

    def unchanged(self, version: int) -> bool:
        """Whether the reader already holds this version."""
        return self.if_none_match is not None and _names(self.if_none_match, version, weak=True)


class StoreEffect(StrEnum):
    """What a body changes: it is the first, another, only its moment is newer, or nothing at all."""

    created = "created"
    changed = "changed"
    newer = "newer"
    none = "none"


@dataclass(frozen=True, slots=True)
class StoreResult:
    """An address after a request: its version, watermark, and what the request did.

    `known`: something stood at this address before the EDC ever wrote to it.
    """

    version: int
    as_of: datetime
    effect: StoreEffect
    before: Mapping[str, Any] | None
    known: bool = False

    @property
    def acts(self) -> bool:
        """Whether the body says something new."""
        return self.effect in (StoreEffect.created, StoreEffect.changed)

    @property
    def is_audited(self) -> bool:
        """Whether anything changed that the trail must tell."""
        return self.effect is not StoreEffect.none


def find_record(session: Session, study_id: int, resource: str) -> EdcRecord | None:
    """What the EDC last sent to this address of the study."""
    statement = select(EdcRecord).where(EdcRecord.study_id == study_id, EdcRecord.resource == resource)
    return session.exec(statement).one_or_none()


def store_record(
    session: Session,
    study_id: int,
    resource: str,
    body: Mapping[str, Any],
    as_of: datetime,
    preconditions: Preconditions,
    known: bool = False,
) -> StoreResult:
    """Store a body under its address; the caller holds the participant's lock and acts on the effect.

    A body equal to the stored one makes no version; a newer `as_of` alone moves the watermark.
    `known` says that something stood at this address before the EDC ever wrote to it.
    Raises Refused: "version_mismatch", "stale_update" (a late delivery never undoes a newer one).
    """
    record = find_record(session, study_id, resource)
    preconditions.check(record.version if record else 0 if known else None)
    if record is None:
        fresh = EdcRecord(study_id=study_id, resource=resource, version=1, as_of=as_of, body=dict(body))
        session.add(fresh)
        return StoreResult(1, as_of, StoreEffect.created, None, known)
    if as_of < record.as_of:
        raise Refused("stale_update", as_of=format_instant(as_of), stored=format_instant(record.as_of))
    before = dict(record.body)
    effect = (
        StoreEffect.changed
        if before != body
        else StoreEffect.newer
        if as_of > record.as_of
        else StoreEffect.none
    )
    record.as_of = max(as_of, record.as_of)
    if effect is StoreEffect.changed:
        record.version, record.body = record.version + 1, dict(body)
    return StoreResult(record.version, record.as_of, effect, before)


def _names(header: str, version: int | None, weak: bool) -> bool:
    """Whether a list of entity tags (or `*`) names this version."""
    if version is None:
        return False
    if header.strip() == "*":
        return True
    tags = re.findall(r'(W/)?"([^"]*)"', header)
    return any(tag == str(version) and (weak or not mark) for mark, tag in tags)
