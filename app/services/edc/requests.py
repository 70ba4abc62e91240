"""One request of an EDC client about one participant: found, locked, kept and recorded alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from app.domain.records.anchors import AnchorStanding
from app.domain.records.audit import AuditEvent, format_instant
from app.domain.refusal import Refused
from app.services.core.context import EdcClientSession, EdcContext
from app.services.edc.records import Preconditions, StoreResult, store_record
from app.storage.queries.participants import get_site_by_code
from app.storage.row_changes import participant_chain, study_chain
from app.storage.tables.columns import key_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor
from app.storage.tables.studies import Site
from app.storage.unit_of_work import UnitOfWork

EDC_UPDATE = "EDC_UPDATE"
"""The reason under which a date that the EDC changes stands in trail and feed."""

CLOCKS_DIFFER = timedelta(hours=24)
"""How far ahead of ours an EDC's clock may be."""


@dataclass(frozen=True, slots=True)
class EdcRequest:
    """Whose request, about whom, how new it is (`as_of`), when it came, and under which conditions."""

    context: EdcContext
    subject: str
    as_of: datetime
    preconditions: Preconditions

    @property
    def client(self) -> EdcClientSession:
        return self.context.client

    @property
    def at(self) -> datetime:
        return self.context.at

    def resource(self, part: str = "") -> str:
        """The address under which a body about this participant is kept."""
        return f"participants/{self.subject}/{part}" if part else f"participants/{self.subject}"

    def store(self, session: Session, part: str, body: Mapping[str, Any], known: bool = False) -> StoreResult:
        """Store the body under its address; raises Refused as `store_record`, and "date_in_future".

        An `as_of` far ahead would make every true message after it stale.
        """
        if self.as_of > self.at + CLOCKS_DIFFER:
            raise Refused(
                "date_in_future",
                field="as_of",
                date=format_instant(self.as_of),
                latest=format_instant(self.at),
            )
        study_id, resource = self.client.study_id, self.resource(part)
        return store_record(session, study_id, resource, body, self.as_of, self.preconditions, known)


def find_participant(session: Session, client: EdcClientSession, subject: str) -> Participant:
    """The participant, when this client may know of them; otherwise Refused("unknown_participant")."""
    statement = select(Participant).where(
        Participant.study_id == client.study_id, Participant.subject == subject
    )
    participant = session.exec(statement).one_or_none()
    if participant is None or not client.can_reach(participant.site_id):
        raise Refused("unknown_participant", subject=subject)
    return participant


def lock_participant(work: UnitOfWork, request: EdcRequest) -> Participant:
    """The participant of a request, as they are once everybody else's change is done."""
    participant = find_participant(work.session, request.client, request.subject)
    work.lock(participant_chain(key_of(participant)))
    work.session.refresh(participant)
    return participant


def lock_participant_if_known(work: UnitOfWork, request: EdcRequest) -> Participant | None:
    """As `lock_participant`, or None for a code that nobody has; no two requests can then both create it.

    Raises Refused: "unknown_participant" for a code of another client's site, "subject_exists" when
    somebody created it a moment ago.
    """
    study_id = request.client.study_id
    same = select(Participant.id).where(
        Participant.study_id == study_id, Participant.subject == request.subject
    )
    if work.session.exec(same).first() is not None:
        return lock_participant(work, request)
    work.lock(study_chain(study_id), study_id)
    if work.session.exec(same).first() is not None:
        # Waiting for this participant while holding the study could wait in a circle.
        raise Refused("subject_exists", subject=request.subject)
    return None


def record_event(work: UnitOfWork, participant: Participant, event: AuditEvent, stored: StoreResult) -> None:
    """Record the event in the participant's chain, unless the request changed nothing at all."""
    if stored.is_audited:
        work.record(event, participant_chain(key_of(participant)), participant.study_id)


def get_own_site(session: Session, client: EdcClientSession, code: str) -> Site:
    """The site of this code, when it is one of the client's; raises Refused("unknown_site")."""
    if client.sites is not None and code not in client.sites:
        raise Refused("unknown_site", field="site", allowed=tuple(sorted(client.sites)))
    try:
        return get_site_by_code(session, client.study_id, code)
    except Refused as unknown:
        raise Refused(unknown.code, field="site", allowed=unknown.details["allowed"]) from unknown


def is_date_in_force(
    session: Session, participant: Participant, kind: str, on: date, at: datetime | None
) -> bool:
    """Whether this date is in force already, so that there is nothing to move or to note."""
    statement = select(Anchor).where(
        Anchor.participant_id == participant.id,
        Anchor.kind == kind,
        Anchor.standing == AnchorStanding.CURRENT,
    )
    current = session.exec(statement).one_or_none()
    return current is not None and current.dated_on == on and at in (None, current.dated_at)
