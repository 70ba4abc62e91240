"""One request of an EDC client about one participant: found, locked, kept and recorded alike."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, select

from app.domain.records.anchors import AnchorStanding
from app.domain.records.audit import AuditEvent, format_instant
from app.domain.refusal import Refused
from app.services.core.context import EdcClientSession, EdcContext
from app.services.core.plans import get_plan_of
from app.services.edc.entity_tags import (
    Preconditions,
    digest_text,
    list_entity_tags,
    serialise_representation,
)
from app.services.edc.records import (
    ContradictingBody,
    StatedBody,
    StoreEffect,
    StoreResult,
    find_record,
    store_record,
    to_milliseconds,
)
from app.services.edc.refused_bodies import (
    AHEAD,
    CLOCKS_DIFFER,
    FactBody,
    end_refusal,
    judges_fact,
    note_refused_body,
)
from app.services.edc.representations import JsonObject, Stated, represent_part
from app.storage.queries.contradictions import Contradiction, read_contradictions
from app.storage.queries.participants import get_site_by_code
from app.storage.row_changes import participant_chain, study_chain
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor
from app.storage.tables.studies import Site
from app.storage.unit_of_work import UnitOfWork

EDC_UPDATE = "EDC_UPDATE"
"""The reason under which a date that the EDC changes stands in trail and feed."""


@dataclass(frozen=True, slots=True)
class EdcRequest:
    """Whose request, about whom, how new it is (`as_of`), when it came, and under which conditions.

    `body` is the whole body as a GET would spell it, and `unwritable` what of it the EDC cannot set: that is
    taken as it is served, or not at all.
    """

    context: EdcContext
    subject: str
    as_of: datetime
    preconditions: Preconditions
    body: Mapping[str, object] = field(default_factory=dict)
    unwritable: Mapping[str, object] = field(default_factory=dict)

    @property
    def client(self) -> EdcClientSession:
        return self.context.client

    @property
    def at(self) -> datetime:
        return self.context.at

    def name_resource(self, part: str = "") -> str:
        """The address under which a body about this participant is kept."""
        return f"participants/{self.subject}/{part}" if part else f"participants/{self.subject}"

    @contextmanager
    def unit_of_work(self, part: str, stated: Mapping[str, object]) -> Iterator[UnitOfWork]:
        """One transaction for the request, which states this of a part of the participant.

        A body that contradicts the stored one for the same moment changes nothing, but is told in the trail.
        Raises Refused("contradicting_body") after that. What is refused otherwise is kept as an open matter.
        """
        contradiction = None
        try:
            with self.context.unit_of_work() as work:
                try:
                    yield work
                except ContradictingBody as contradicting:
                    participant = find_participant(work.session, self.client, self.subject)
                    record_contradiction(work, participant, contradicting)
                    as_of = format_instant(contradicting.as_of)
                    contradiction = Refused("contradicting_body", field="as_of", as_of=as_of)
        except Refused as refused:
            keep_refused_body(self.context, self.subject, FactBody(part, stated, self.as_of), _cause(refused))
            raise
        if contradiction is not None:
            raise contradiction

    def store_body(
        self,
        work: UnitOfWork,
        participant: Participant | None,
        part: str,
        body: Mapping[str, Any],
        binding: bool = False,
    ) -> StoreResult:
        """Store the body under its address and see what it does; what a GET serves, sent back, does nothing.

        One that is `binding` (a death) is held up by no clock and no version. Raises Refused:
        "version_mismatch", "read_only", "stale_update", and "date_in_future" for an `as_of` ahead of our
        clock, which would make every true message after it stale. Raises ContradictingBody.
        """
        session, study_id, resource = work.session, self.client.study_id, self.name_resource(part)
        if binding:
            return store_record(session, study_id, resource, self._binding_body(body))
        record = find_record(session, study_id, resource)
        known = participant is not None and not part
        served = self._served(work, participant, part)
        tags = list_entity_tags(digest_text(serialise_representation(served))) if served else frozenset[str]()
        self.preconditions.check(tags, record is not None or known)
        if record is not None and self.body == served:
            return StoreResult(record.version, record.as_of, StoreEffect.none, dict(record.body))
        self._check_unwritable(served)
        return store_record(session, study_id, resource, StatedBody(body, self._check_as_of()), known)

    def _binding_body(self, body: Mapping[str, Any]) -> StatedBody:
        """An `as_of` ahead of our clock gives way to the server's time and is kept beside it."""
        if self.as_of > self.at + CLOCKS_DIFFER:
            return StatedBody(body, to_milliseconds(self.at), self.as_of, binding=True)
        return StatedBody(body, self.as_of, binding=True)

    def finish_request(
        self, work: UnitOfWork, participant: Participant, part: str, stored: StoreResult
    ) -> StoreResult:
        """The result with what a GET serves once this transaction is committed.

        A body that says something new ends what was refused of the same fact before.
        """
        if stored.is_audited:
            end_refusal(work, participant, part, stored.as_of)
        work.session.flush()
        return replace(stored, text=serialise_representation(self._served(work, participant, part)))

    def _served(self, work: UnitOfWork, participant: Participant | None, part: str) -> JsonObject:
        if participant is None:
            return {}
        plan = get_plan_of(self.context.installation, work.session, participant)
        return represent_part(Stated(work.session, self.client, plan, participant), part)

    def _check_unwritable(self, served: JsonObject) -> None:
        for name, value in self.unwritable.items():
            if value != served.get(name):
                raise Refused("read_only", field=name)

    def _check_as_of(self) -> datetime:
        if self.as_of > self.at + CLOCKS_DIFFER:
            latest = format_instant(self.at + CLOCKS_DIFFER)
            raise Refused("date_in_future", field="as_of", date=format_instant(self.as_of), latest=latest)
        return self.as_of


def keep_refused_body(context: EdcContext, subject: str, body: FactBody, cause: str) -> None:
    """Keep what was refused as an open matter of its participant, if there is one that this client may know.

    It is a transaction of its own: that of the request is undone. An act inside another's transaction keeps
    nothing, which is undone as a whole.
    """
    if not judges_fact(cause) or context.opened is not None:
        return
    with context.unit_of_work() as work:
        try:
            participant = find_participant(work.session, context.client, subject)
        except Refused:
            return
        work.lock(participant_chain(participant.id))
        work.session.refresh(participant)
        note_refused_body(work, participant, body, cause)


def _cause(refused: Refused) -> str:
    return AHEAD if refused.details.get("field") == "as_of" else refused.code


def record_contradiction(work: UnitOfWork, participant: Participant, bodies: ContradictingBody) -> None:
    """Tell both bodies in the participant's trail, once for each body that differs."""
    new = Contradiction(bodies.resource, to_milliseconds(bodies.as_of), bodies.stored, bodies.body)
    if new not in read_contradictions(work.session, participant.id):
        chain = participant_chain(participant.id)
        change = new.as_change()
        work.record(AuditEvent.BODY_CONTRADICTED, chain, participant.study_id, changes=[change])


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
    work.lock(participant_chain(participant.id))
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
        work.record(event, participant_chain(participant.id), participant.study_id)


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
