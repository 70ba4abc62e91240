"""The participant behind a bound browser: who it is, its idle lock, how they read, leaving."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from app.domain.access import Actor, ActorKind
from app.domain.audit import Event
from app.domain.plan import SecondCheck
from app.domain.refusal import Refused
from app.domain.status import ExitKind
from app.services.identifiers import hashed
from app.services.installation import Installation
from app.services.scheduling import plan_of
from app.services.second_check import confirmed, refused_as
from app.services.throttling import check_tries, count_failure, forget_failures, tries_of_browser
from app.storage.changes import chain_of_participant
from app.storage.people import Device, Participant, TextSize
from app.storage.study import Site, Study

_SEEN_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Visitor:
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


def recognise(installation: Installation, session: Session, cookie: str | None, at: datetime) -> Visitor:
    """The participant behind this cookie; raises Refused("not_signed_in") for none, unknown or revoked."""
    statement = (
        select(Device, Participant, Site, Study)
        .join(Participant, col(Participant.id) == col(Device.participant_id))
        .join(Site, col(Site.id) == col(Participant.site_id))
        .join(Study, col(Study.id) == col(Participant.study_id))
        .where(Device.token_hash == hashed(cookie or ""), col(Device.revoked_at).is_(None))
    )
    found = session.exec(statement).one_or_none()
    if found is None:
        raise Refused("not_signed_in")
    return visitor_of(installation, *found, at)


def visitor_of(
    installation: Installation,
    device: Device,
    participant: Participant,
    site: Site,
    study: Study,
    at: datetime,
) -> Visitor:
    """The participant behind a browser that is bound."""
    plan = installation.library.plan(study.code, study.plan_version)
    return Visitor(
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


def touch(installation: Installation, visitor: Visitor, at: datetime) -> None:
    """Keep an unlocked browser awake; writes at most once a minute."""
    if visitor.locked or at - visitor.seen_at < _SEEN_EVERY:
        return
    with installation.work(visitor.actor, at) as work:
        work.session.get_one(Device, visitor.device_id).seen_at = at


def unlock(installation: Installation, visitor: Visitor, answer: str, at: datetime) -> None:
    """Wake a browser with the answer to the study's second check: PIN, birth date, or nothing at all.

    Raises Refused: "throttled" (this browser alone), "wrong_pin", "wrong_birth_date"; all are recorded.
    """
    subject = tries_of_browser(visitor.participant_id, visitor.device_id)
    chain = chain_of_participant(visitor.participant_id)
    with installation.read() as session:
        check_tries(session, subject, at)
        participant = session.get_one(Participant, visitor.participant_id)
        right = confirmed(installation.sealer, participant, visitor.second_check, answer)
    refusal = refused_as(visitor.second_check)
    with installation.work(visitor.actor, at) as work:
        work.lock(chain)
        if right:
            device = work.session.get_one(Device, visitor.device_id)
            device.seen_at, device.locked_at = at, None
            forget_failures(work.session, subject)
            work.record(Event.DEVICE_UNLOCKED, chain)
        else:
            count_failure(work.session, subject, at)
            work.record(refusal.event, chain)
    if not right:
        raise Refused(refusal.code)


def put_down(installation: Installation, visitor: Visitor, at: datetime) -> None:
    """Lock this browser at once: the phone passes to another participant."""
    with installation.work(visitor.actor, at) as work:
        chain = chain_of_participant(visitor.participant_id)
        work.lock(chain)
        device = work.session.get_one(Device, visitor.device_id)
        if device.locked_at is None:
            device.locked_at = at
            work.record(Event.DEVICE_LOCKED, chain)


def sign_out(installation: Installation, visitor: Visitor, at: datetime) -> None:
    """Unbind this browser; a fresh link binds it again."""
    with installation.work(visitor.actor, at) as work:
        work.session.get_one(Device, visitor.device_id).revoked_at = at
        work.record(Event.DEVICE_SIGNED_OUT, chain_of_participant(visitor.participant_id))


def change_language(installation: Installation, visitor: Visitor, language: str, at: datetime) -> None:
    """Set the participant's language; raises Refused("no_language") naming those of the study."""
    with installation.work(visitor.actor, at) as work:
        plan = plan_of(installation, work.session, visitor.study_id)
        if language not in plan.languages:
            raise Refused("no_language", field="language", allowed=plan.languages)
        participant = work.session.get_one(Participant, visitor.participant_id)
        if participant.language != language:
            participant.language = language
            work.record(Event.LANGUAGE_CHANGED, chain_of_participant(visitor.participant_id))


def speak(installation: Installation, cookie: str | None, language: str, at: datetime) -> None:
    """Keep the language that a browser chose for the participant behind it, if there is one.

    A language that the study is not done in, or a browser that nobody has bound, changes nothing.
    """
    try:
        with installation.read() as session:
            visitor = recognise(installation, session, cookie, at)
        change_language(installation, visitor, language, at)
    except Refused as refused:
        if refused.code not in ("not_signed_in", "no_language"):
            raise
