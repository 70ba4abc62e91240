"""Participants and what became of them, as the EDC sends it: idempotent, versioned, attributed (EDC-09)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from app.domain.plans.plan import ENROLMENT, Owner, Plan
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.core.installation import Installation
from app.services.core.plans import get_plan, get_plan_of
from app.services.edc.records import StoreResult
from app.services.edc.requests import (
    EDC_UPDATE,
    EdcRequest,
    get_own_site,
    is_date_in_force,
    lock_participant,
    lock_participant_if_known,
    record_event,
)
from app.services.feed.feed_events import participant_event, raise_version
from app.services.schedule.anchors import AnchorEntry, enter_anchor
from app.services.schedule.dispositions import DispositionEntry, dispositions_in_force, enter_disposition
from app.services.schedule.enrolment import add_participant, check_subject, require_open_site
from app.services.setup.packs import check_packs
from app.storage.queries.participants import get_site
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Disposition
from app.storage.tables.studies import Site
from app.storage.unit_of_work import UnitOfWork


class StatusWord(StrEnum):
    """What the EDC says of a participant's part in the study."""

    enrolled = "enrolled"
    withdrawn = "withdrawn"
    completed = "completed"
    lost = "lost"
    died = "died"
    screen_failed = "screen_failed"


class WithdrawalScope(StrEnum):
    """What a participant withdrew from."""

    treatment = "treatment"
    questionnaires = "questionnaires"
    study = "study"


_KINDS: Mapping[StatusWord, DispositionKind] = {
    StatusWord.completed: DispositionKind.completed,
    StatusWord.lost: DispositionKind.lost,
    StatusWord.died: DispositionKind.death,
    StatusWord.screen_failed: DispositionKind.screen_failure,
}


@dataclass(frozen=True, slots=True)
class ParticipantBody:
    """A participant as the EDC knows them: site, language code of ours, and the day of enrolment.

    `confirm`: forms that this day makes missed at once are accepted; no part of what is stored.
    """

    site: str
    language: str
    reference_date: date
    confirm: bool = False

    def as_document(self) -> dict[str, Any]:
        """The body as it is stored."""
        day = self.reference_date.isoformat()
        return {"site": self.site, "language": self.language, "reference_date": day}


@dataclass(frozen=True, slots=True)
class StatusBody:
    """A status as it was sent; `stated` is the date as known, a year-month for a death if no more is."""

    status: StatusWord
    stated: str | None = None
    scope: WithdrawalScope | None = None
    reason: str | None = None

    @property
    def kind(self) -> DispositionKind | None:
        """The disposition that this is; None for `enrolled`. Raises Refused("scope_needed")."""
        if self.status is not StatusWord.withdrawn:
            return _KINDS.get(self.status)
        if self.scope is None:
            raise Refused("scope_needed", field="scope", allowed=tuple(WithdrawalScope))
        return DispositionKind(f"withdrew_{self.scope.value}")

    def as_document(self) -> dict[str, Any]:
        """The body as it is stored."""
        scope = self.scope.value if self.scope else None
        return {"status": self.status.value, "date": self.stated, "scope": scope, "reason": self.reason}


def receive_participant(request: EdcRequest, body: ParticipantBody) -> StoreResult:
    """Register a participant, or take over what the EDC changed about one.

    Consent is the site's to record: until then no invitation can be issued. Of a participant whom
    the site enrolled only a differing enrolment date is noted, never written over. Raises Refused:
    "unknown_site", "bad_subject", "subject_of_other_site", "no_language", "date_in_future", "site_fixed",
    "would_be_missed" naming the forms unless `confirm` or the plan says that enrolment is the EDC's to date,
    "site_closed", "subject_exists" (somebody registered the same code at the same moment: send again),
    "version_mismatch", "stale_update", or as `packs.check_packs` for somebody new.
    """
    caller = request.client
    with request.unit_of_work("", body.as_document()) as work:
        site = get_own_site(work.session, caller, body.site)
        plan = get_plan(request.context.installation, work.session, caller.study_id)
        if body.language not in plan.languages:
            raise Refused("no_language", field="language", allowed=plan.languages)
        participant = lock_participant_if_known(work, request)
        if participant is None:
            require_open_site(work, site)
            check_subject(plan, request.subject)
            check_packs(request.context.installation, plan, request.at)
            stored = request.store_body(work, None, "", body.as_document())
            participant = _register(request.context.installation, work, plan, site, request.subject, body)
            return request.finish_request(work, participant, "", stored)
        if participant.site_id != site.id:
            raise Refused("site_fixed", field="site", allowed=(get_site(work.session, participant).code,))
        stored = request.store_body(work, participant, "", body.as_document())
        record_event(work, participant, AuditEvent.PARTICIPANT_UPDATED, stored)
        if stored.acts:
            _update(request.context.installation, work, participant, body, stored)
        return request.finish_request(work, participant, "", stored)


def _register(
    installation: Installation,
    work: UnitOfWork,
    plan: Plan,
    site: Site,
    subject: str,
    body: ParticipantBody,
) -> Participant:
    participant = add_participant(work, plan, site, subject, body.language, AuditEvent.PARTICIPANT_REGISTERED)
    version = raise_version(participant)
    work.publish(site.study_id, participant_event(participant, version, site, work.actor, "created"))
    entry = AnchorEntry(ENROLMENT, body.reference_date, Owner.edc)
    enter_anchor(installation, work, participant, entry, body.confirm or plan.is_owner(Owner.edc, ENROLMENT))
    return participant


def _update(
    installation: Installation,
    work: UnitOfWork,
    participant: Participant,
    body: ParticipantBody,
    stored: StoreResult,
) -> None:
    # Only what the EDC itself changed is taken over: the participant may have chosen a language since.
    if stored.before is not None and stored.before["language"] != body.language:
        participant.language = body.language
        site = get_site(work.session, participant)
        version = raise_version(participant)
        draft = participant_event(participant, version, site, work.actor, "updated", ("language",))
        work.publish(participant.study_id, draft)
    if not is_date_in_force(work.session, participant, ENROLMENT, body.reference_date, None):
        plan = get_plan_of(installation, work.session, participant)
        entry = AnchorEntry(ENROLMENT, body.reference_date, Owner.edc, EDC_UPDATE)
        enter_anchor(
            installation, work, participant, entry, body.confirm or plan.is_owner(Owner.edc, ENROLMENT)
        )


def receive_status(request: EdcRequest, body: StatusBody) -> StoreResult:
    """Record what became of a participant; a death stops messages, forms and sign-in in this transaction.

    A later body of the same kind corrects the EDC's own entry; another kind is added to it. What is in
    force is taken back by the investigator alone. Raises Refused: "scope_needed", "date_needed",
    "bad_date", "date_in_future", "before_enrolment", "undone_by_site", "unknown_participant",
    "version_mismatch", "stale_update", "contradicting_body", "read_only". A death is refused for neither its
    `as_of` nor a version.
    """
    with request.unit_of_work("status", body.as_document()) as work:
        kind = body.kind
        participant = lock_participant(work, request)
        binding = kind is DispositionKind.death
        stored = request.store_body(work, participant, "status", body.as_document(), binding)
        if not stored.acts or not _dispose(request.context.installation, work, participant, kind, body):
            record_event(work, participant, AuditEvent.DISPOSITION_RECEIVED, stored)
        return request.finish_request(work, participant, "status", stored)


def _dispose(
    installation: Installation,
    work: UnitOfWork,
    participant: Participant,
    kind: DispositionKind | None,
    body: StatusBody,
) -> bool:
    """Enter the disposition, unless the same one stands already; whether it was entered."""
    standing = dispositions_in_force(work.session, participant.id)
    if kind is None:
        if standing:
            raise Refused("undone_by_site", disposition=standing[-1].kind)
        return False
    if body.stated is None:
        raise Refused("date_needed", field="date")
    same = [row for row in standing if row.kind == kind]
    if any(row.stated_date == body.stated for row in same):
        return False
    work.session.add_all(_replaced(row, work) for row in same if row.source == Owner.edc)
    work.session.flush()
    entry = DispositionEntry(kind, body.stated, Owner.edc, body.reason)
    enter_disposition(installation, work, participant, entry)
    return True


def _replaced(row: Disposition, work: UnitOfWork) -> Disposition:
    """The entry by which an earlier one of the EDC gives way to its correction."""
    return Disposition(
        participant_id=row.participant_id,
        kind=row.kind,
        effective_on=row.effective_on,
        stated_date=row.stated_date,
        source=row.source,
        reason=EDC_UPDATE,
        recorded_at=work.at,
        recorded_by=work.actor.id,
        undoes_id=row.id,
    )
