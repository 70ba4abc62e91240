"""The participant behind a bound browser: who it is, its idle lock, how they read, leaving."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from app.domain.plans.plan import SecondCheck
from app.domain.plans.status import ExitKind
from app.domain.records.access import Actor, ActorKind
from app.domain.records.audit import AuditEvent
from app.domain.records.participants import TextSize
from app.domain.refusal import Refused
from app.services.accounts.second_check import is_confirmed, refusal_for
from app.services.core.identifiers import token_digest
from app.services.core.installation import Installation
from app.services.core.plans import get_plan
from app.services.core.throttling import check_tries, count_failure, device_throttle, forget_failures
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Device, Participant
from app.storage.tables.studies import Site, Study

_SEEN_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ParticipantSession:
    """The participant behind a bound browser. `locked`: idle too long or put down; the check is asked."""

    device_id: int
    participant_id: int
    public_id: str
    study_id: int
    study: str
    plan_version: str
    subject: str
    language: str
    text_size: TextSize
    zone: str
    site: Site
    exit_kind: ExitKind | None
    enrolled_at: datetime
    seen_at: datetime
    locked: bool
    put_down: bool
    second_check: SecondCheck

    @property
    def actor(self) -> Actor:
        return participant_actor(self.public_id)


def participant_actor(public_id: str) -> Actor:
    """The participant as the trail names them."""
    return Actor(ActorKind.PARTICIPANT, public_id, "participant")


def authenticate(
    installation: Installation, session: Session, cookie: str | None, at: datetime
) -> ParticipantSession:
    """The participant behind this cookie; raises Refused("not_signed_in") for none, unknown or revoked."""
    statement = (
        select(Device, Participant, Site, Study)
        .join(Participant, col(Participant.id) == col(Device.participant_id))
        .join(Site, col(Site.id) == col(Participant.site_id))
        .join(Study, col(Study.id) == col(Participant.study_id))
        .where(Device.token_hash == token_digest(cookie or ""), col(Device.revoked_at).is_(None))
    )
    found = session.exec(statement).one_or_none()
    if found is None:
        raise Refused("not_signed_in")
    return build_session(installation, *found, at)


def build_session(
    installation: Installation,
    device: Device,
    participant: Participant,
    site: Site,
    study: Study,
    at: datetime,
) -> ParticipantSession:
    """The participant behind a browser that is bound."""
    plan = installation.library.plan(study.code, study.plan_version)
    return ParticipantSession(
        device_id=device.id or 0,
        participant_id=participant.id or 0,
        public_id=participant.public_id,
        study_id=participant.study_id,
        study=study.code,
        plan_version=study.plan_version,
        subject=participant.subject,
        language=participant.language,
        text_size=participant.text_size,
        zone=participant.zone,
        site=site,
        exit_kind=participant.exit_kind,
        enrolled_at=participant.enrolled_at,
        seen_at=device.seen_at,
        locked=device.locked_at is not None or at - device.seen_at > timedelta(minutes=plan.idle_minutes),
        put_down=device.locked_at is not None,
        second_check=plan.second_check,
    )


def keep_alive(installation: Installation, visitor: ParticipantSession, at: datetime) -> None:
    """Keep an unlocked browser awake; writes at most once a minute."""
    if visitor.locked or at - visitor.seen_at < _SEEN_EVERY:
        return
    with installation.work(visitor.actor, at) as work:
        work.session.get_one(Device, visitor.device_id).seen_at = at


def unlock_device(installation: Installation, visitor: ParticipantSession, answer: str, at: datetime) -> None:
    """Wake a browser with the answer to the study's second check: PIN, birth date, or nothing at all.

    Raises Refused: "throttled" (this browser alone), "wrong_pin", "wrong_birth_date"; all are recorded.
    """
    subject = device_throttle(visitor.participant_id, visitor.device_id)
    chain = participant_chain(visitor.participant_id)
    with installation.read() as session:
        check_tries(session, subject, at)
        participant = session.get_one(Participant, visitor.participant_id)
        right = is_confirmed(installation.secret_box, participant, visitor.second_check, answer)
    refusal = refusal_for(visitor.second_check)
    with installation.work(visitor.actor, at) as work:
        work.lock(chain)
        if right:
            device = work.session.get_one(Device, visitor.device_id)
            device.seen_at, device.locked_at = at, None
            forget_failures(work.session, subject)
            work.record(AuditEvent.DEVICE_UNLOCKED, chain)
        else:
            count_failure(work.session, subject, at)
            work.record(refusal.event, chain)
    if not right:
        raise Refused(refusal.code)


def lock_device(installation: Installation, visitor: ParticipantSession, at: datetime) -> None:
    """Lock this browser at once: the phone passes to another participant."""
    with installation.work(visitor.actor, at) as work:
        chain = participant_chain(visitor.participant_id)
        work.lock(chain)
        device = work.session.get_one(Device, visitor.device_id)
        if device.locked_at is None:
            device.locked_at = at
            work.record(AuditEvent.DEVICE_LOCKED, chain)


def sign_out_device(installation: Installation, visitor: ParticipantSession, at: datetime) -> None:
    """Unbind this browser; a fresh link binds it again."""
    with installation.work(visitor.actor, at) as work:
        work.session.get_one(Device, visitor.device_id).revoked_at = at
        work.record(AuditEvent.DEVICE_SIGNED_OUT, participant_chain(visitor.participant_id))


def change_language(
    installation: Installation, visitor: ParticipantSession, language: str, at: datetime
) -> None:
    """Set the participant's language; raises Refused("no_language") naming those of the study."""
    with installation.work(visitor.actor, at) as work:
        plan = get_plan(installation, work.session, visitor.study_id)
        if language not in plan.languages:
            raise Refused("no_language", field="language", allowed=plan.languages)
        participant = work.session.get_one(Participant, visitor.participant_id)
        if participant.language != language:
            participant.language = language
            work.record(AuditEvent.LANGUAGE_CHANGED, participant_chain(visitor.participant_id))


def remember_language(installation: Installation, cookie: str | None, language: str, at: datetime) -> None:
    """Keep the language that a browser chose for the participant behind it, if there is one.

    A language that the study is not done in, or a browser that nobody has bound, changes nothing.
    """
    try:
        with installation.read() as session:
            visitor = authenticate(installation, session, cookie, at)
        change_language(installation, visitor, language, at)
    except Refused as refused:
        if refused.code not in ("not_signed_in", "no_language"):
            raise
