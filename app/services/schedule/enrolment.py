"""Enrolling a participant and inviting them: consent first, then a single-use link."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from app.domain.people.names import MOST_SUBJECT, is_plain_subject
from app.domain.plans.plan import ENROLMENT, Owner, Plan, SecondCheck
from app.domain.plans.windows import local_day
from app.domain.records.acts import fingerprint_consequences
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import trim_words
from app.services.accounts.activation import CODE_LIFE, LINK_LIFE
from app.services.accounts.birth_dates import birth_date_hash, check_birth_date
from app.services.accounts.contacts import (
    ContactChannel,
    parse_contact_address,
    parse_telephone,
    store_contact,
    store_telephone,
)
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_public_id, new_short_code, new_token, token_digest
from app.services.core.plans import get_plan, get_plan_of
from app.services.core.throttling import forget_invitation_failures
from app.services.feed.feed_events import participant_event, raise_version
from app.services.schedule.anchors import AnchorEntry, enter_anchor
from app.services.schedule.next_due import refresh_next_due
from app.services.schedule.slots import ScheduleProposal
from app.services.setup.packs import check_packs
from app.storage.queries.participants import get_participant
from app.storage.row_changes import participant_chain, study_chain
from app.storage.tables.participants import Activation, Participant
from app.storage.tables.studies import Site
from app.storage.unit_of_work import UnitOfWork

ENROLLED = "ENROLLED_AT_SITE"
"""The reason under which a site's enrolment date replaces the one that the EDC gave."""
PATH = "/a/"
"""The page of an invitation, as in `app.web.urls.WAY_IN`."""


class IdentityCheck(StrEnum):
    """How site staff made sure who the person is (IAM-16)."""

    id_card = "id_card"
    hospital_record = "hospital_record"
    known_to_staff = "known_to_staff"


@dataclass(frozen=True, slots=True)
class EnrolmentEntry:
    """What is recorded at enrolment. `address` and `telephone` are optional and kept apart, encrypted.

    `born_on` is needed where it is the plan's second check, and is nowhere else looked at (PRI-02).
    `accepts_missed` is the fingerprint of what a past day does, from the refusal that named the forms which
    it makes missed at once; "" before anybody saw them.
    """

    subject: str
    language: str
    enrolled_on: date
    consent_version: str
    consented_on: date
    identity_check: IdentityCheck
    channel: ContactChannel | None = None
    address: str | None = None
    born_on: date | None = None
    accepts_missed: str = ""
    telephone: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the QR sheet shows, once: the link, the short code and until when they work."""

    url: str
    code: str
    expires_at: datetime
    code_expires_at: datetime


def enrol_participant(context: StaffContext, site: Site, entry: EnrolmentEntry) -> Participant:
    """Enrol a participant at a site and create every expected form ahead.

    Somebody whom the EDC registered at this site before is completed: consent and identity are recorded,
    and can be invited from then on.

    Raises Refused: "bad_subject", "subject_of_other_site", "subject_exists", "no_language",
    "date_in_future", "consent_needed", "address_needed", "bad_address", "bad_phone", "birth_date_needed",
    "bad_birth_date", "site_closed", "would_be_missed" naming the forms of a past day and the fingerprint by
    which an entry `accepts_missed`, or as `packs.check_packs`: nobody is enrolled before the words are there.
    """
    with context.unit_of_work() as work:
        plan = get_plan(context.installation, work.session, site.study_id)
        _check(plan, site, entry, context.at)
        require_open_site(work, site)
        check_packs(context.installation, plan, context.at)
        registered = _registered(work, site, entry.subject)
        participant = registered or add_participant(
            work, plan, site, entry.subject, entry.language, AuditEvent.PARTICIPANT_ENROLLED
        )
        participant.language = entry.language
        participant.consent_version = trim_words(entry.consent_version)
        participant.consented_on = entry.consented_on
        participant.identity_check = entry.identity_check.value
        participant.reminders_wanted = entry.channel is not None
        participant.birth_hash = birth_date_hash(
            context.installation, plan, participant.public_id, entry.born_on
        )
        if entry.channel is not None and entry.address is not None:
            store_contact(context.installation, work, participant.id, entry.channel, entry.address)
        if number := parse_telephone(entry.telephone):
            store_telephone(context.installation, work, participant.id, number)
        change = "updated" if registered else "created"
        version = raise_version(participant)
        draft = participant_event(participant, version, site, context.actor, change)
        work.publish(site.study_id, draft)
        anchor = AnchorEntry(ENROLMENT, entry.enrolled_on, Owner.site, ENROLLED if registered else None)
        _check_shown(
            enter_anchor(context.installation, work, participant, anchor, confirmed=True),
            entry.accepts_missed,
        )
        if registered:
            refresh_next_due(context.installation.library, work, participant)
        return participant


def _check_shown(proposal: ScheduleProposal, accepted: str) -> None:
    """Refuse forms missed at once, unless just this was shown to whoever accepts it."""
    shown = fingerprint_consequences(proposal)
    if proposal.would_be_missed and accepted != shown:
        slots = [f"{visit} {form}" for visit, form in proposal.would_be_missed]
        raise Refused("would_be_missed", slots=slots, shown=shown)


def require_open_site(work: UnitOfWork, site: Site) -> None:
    """Require a site that still enrols, as it is stored now; Refused("site_closed") otherwise."""
    if work.session.exec(select(Site.closed_at).where(Site.id == site.id)).one() is not None:
        raise Refused("site_closed", field="site")


def _registered(work: UnitOfWork, site: Site, subject: str) -> Participant | None:
    """The participant whom the EDC registered at this site and who has not consented here yet.

    Raises Refused("subject_exists") for one who has, also a moment ago.
    """
    same = select(Participant).where(Participant.site_id == site.id, Participant.subject == subject)
    participant = work.session.exec(same).one_or_none()
    if participant is None:
        return None
    chain = participant_chain(participant.id)
    work.lock(chain)
    work.session.refresh(participant)
    if participant.consent_version is not None:
        raise Refused("subject_exists", subject=subject)
    work.record(AuditEvent.PARTICIPANT_ENROLLED, chain, site.study_id)
    return participant


def add_participant(
    work: UnitOfWork, plan: Plan, site: Site, subject: str, language: str, event: AuditEvent
) -> Participant:
    """A new participant of a site, with their own audit chain; of two at once one waits for the other.

    Raises Refused: "subject_of_other_site", "subject_exists".
    """
    _check_site_of_subject(plan, site, subject)
    work.lock(study_chain(site.study_id), site.study_id)
    same = select(Participant.id).where(Participant.study_id == site.study_id, Participant.subject == subject)
    if work.session.exec(same).first() is not None:
        raise Refused("subject_exists", subject=subject)
    participant = Participant(
        public_id=new_public_id(),
        study_id=site.study_id,
        site_id=site.id,
        subject=subject,
        plan_version=plan.version,
        zone=site.zone,
        language=language,
        enrolled_at=work.at,
    )
    work.session.add(participant)
    work.session.flush()
    chain = participant_chain(participant.id)
    work.lock(chain, site.study_id)
    work.record(event, chain, site.study_id)
    return participant


def check_subject(plan: Plan, subject: str) -> None:
    """Refuse a code that is not of the study's pattern, naming the pattern, or that no file can hold.

    Raises Refused: "bad_subject", "subject_not_plain".
    """
    if not is_plain_subject(subject):
        raise Refused("subject_not_plain", field="subject", most=MOST_SUBJECT)
    if not plan.names_subject(subject):
        raise Refused("bad_subject", field="subject", allowed=plan.subject_pattern)


def check_form_language(plan: Plan, language: str) -> None:
    """Refuse a language in which the plan has no forms. Raises Refused("no_language")."""
    if language not in plan.languages:
        raise Refused("no_language", field="language", allowed=plan.languages)


def check_past_day(field: str, day: date, today: date) -> None:
    """Refuse a day that is still to come. Raises Refused("date_in_future")."""
    if day > today:
        raise Refused("date_in_future", field=field, date=day, latest=today)


def check_consent_version(version: str) -> None:
    """Refuse a consent without the version of its form. Raises Refused("consent_needed")."""
    if not trim_words(version):
        raise Refused("consent_needed", field="consent")


def _check_site_of_subject(plan: Plan, site: Site, subject: str) -> None:
    """Refuse another site's code, naming that site, in a study whose codes begin with the site's."""
    named = plan.site_of_subject(subject, site.code)
    if named is not None and named != site.code:
        raise Refused(
            "subject_of_other_site", field="subject", subject=subject, site=site.code, allowed=named
        )


def _check(plan: Plan, site: Site, entry: EnrolmentEntry, at: datetime) -> None:
    today, asks_birth = local_day(at, site.zone), plan.second_check is SecondCheck.birth_date
    check_all(
        lambda: check_subject(plan, entry.subject),
        lambda: check_form_language(plan, entry.language),
        lambda: check_past_day("enrolled_on", entry.enrolled_on, today),
        lambda: check_past_day("consented_on", entry.consented_on, today),
        lambda: check_birth_date(entry.born_on, today) if asks_birth else None,
        lambda: check_consent_version(entry.consent_version),
        lambda: parse_contact_address(entry.address, entry.channel) if entry.channel is not None else None,
        lambda: parse_telephone(entry.telephone),
    )
    if entry.consented_on > entry.enrolled_on:
        raise Refused("consent_needed", field="consent")


def issue_invitation(context: StaffContext, study_id: int, subject: str) -> Invitation:
    """A new single-use link and code; the ones issued before stop working at once.

    Raises Refused: "consent_needed" (PRI-03), "participation_ended", "birth_date_needed" where the
    study asks it of whoever opens the link. Earlier wrong tries are forgotten (IAM-12).
    """
    link_token, code = new_token(), new_short_code()
    with context.unit_of_work() as work:
        participant = get_participant(work.session, study_id, subject)
        chain = participant_chain(participant.id)
        work.lock(chain)
        if participant.consent_version is None:
            raise Refused("consent_needed", field="consent")
        if participant.exit_kind is not None:
            raise Refused("participation_ended")
        plan = get_plan_of(context.installation, work.session, participant)
        if plan.second_check is SecondCheck.birth_date and participant.birth_hash is None:
            raise Refused("birth_date_needed", field="born_on")
        work.record(AuditEvent.ACTIVATION_ISSUED, chain)
        forget_invitation_failures(work.session, participant.id)
        for earlier in _waiting(work.session, participant):
            earlier.revoked_at = context.at
        activation = Activation(
            participant_id=participant.id,
            token_hash=token_digest(link_token),
            code_hash=token_digest(code),
            issued_at=context.at,
            issued_by=context.actor.id,
            expires_at=context.at + LINK_LIFE,
            code_expires_at=context.at + CODE_LIFE,
        )
        work.session.add(activation)
    url = f"{context.installation.public_url}{PATH}{link_token}"
    return Invitation(url, code, activation.expires_at, activation.code_expires_at)


def _waiting(session: Session, participant: Participant) -> list[Activation]:
    statement = select(Activation).where(
        Activation.participant_id == participant.id,
        col(Activation.used_at).is_(None),
        col(Activation.revoked_at).is_(None),
    )
    return list(session.exec(statement))
