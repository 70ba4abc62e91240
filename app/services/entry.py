"""The participant's way in: invitation, PIN, the browser that is bound, and its idle lock."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from sqlmodel import Session, col, select

from app.domain.access import Actor, ActorKind
from app.domain.audit import Event
from app.domain.refusal import Refused
from app.domain.status import ExitKind
from app.services.identifiers import CODE_LENGTH, hashed, token, typed_code
from app.services.installation import Installation
from app.services.scheduling import plan_of
from app.services.throttling import check_tries, count_failure, forget_failures
from app.storage.changes import INSTALLATION, chain_of_participant
from app.storage.people import Activation, Device, Participant, TextSize
from app.storage.study import Site, Study
from app.storage.unit_of_work import UnitOfWork

PIN_DIGITS = 6
_SEEN_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Invited:
    """Whom an invitation was made for, as far as its first page needs to know."""

    participant_id: int
    public_id: str
    language: str
    study: str
    plan_version: str
    site: Site


@dataclass(frozen=True, slots=True)
class Visitor:
    """The participant behind a bound browser. `locked`: idle too long, the PIN is asked again."""

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

    @property
    def actor(self) -> Actor:
        return participant_actor(self.public_id)


def participant_actor(public_id: str) -> Actor:
    """The participant as the trail names them."""
    return Actor(ActorKind.PARTICIPANT, public_id, "participant")


def invitation(session: Session, link: str, at: datetime) -> Invited:
    """Whom this link invites; nothing is changed by looking (P1.1).

    Raises Refused("wrong_link") alike for an unknown, used, revoked or expired one (P1.5). A short
    code is none: it can be guessed, so that it is looked up by `take_up` alone.
    """
    found = None if is_code(link) else _invited(session, link, at)
    if found is None:
        raise Refused("wrong_link")
    return found


def take_up(installation: Installation, secret: str, source: str, at: datetime) -> Invited:
    """Whom the link or code that somebody wants to use invites; a failure is counted and recorded.

    Raises Refused: "throttled", "wrong_link". `source` names where the request came from; a good link
    passes all the same, so that a ward behind one address is never locked out (IAM-12).
    """
    with installation.read() as session:
        if is_code(secret):
            check_tries(session, f"link:{source}", at)
        found = _invited(session, secret, at)
        if found is None:
            check_tries(session, f"link:{source}", at)
    if found is None:
        _refuse(installation, source, at)
    return found


def activate(
    installation: Installation, secret: str, pin: str, pin_again: str, label: str, source: str, at: datetime
) -> str:
    """Bind a browser with a link or code and a new PIN; returns the cookie's token.

    Raises Refused: "bad_pin", "pins_differ", or as `take_up`. The PIN is never stored, and every
    failure of an invitation reads the same.
    """
    _check_pin(pin, pin_again)
    found = take_up(installation, secret, source, at)
    pin_hash, cookie = installation.sealer.hash(pin), token()
    with installation.work(participant_actor(found.public_id), at) as work:
        _bind(work, found.participant_id, secret, pin_hash, cookie, label)
    return cookie


def _refuse(installation: Installation, source: str, at: datetime) -> NoReturn:
    """Count and record the failure, then refuse."""
    stranger = Actor(ActorKind.PARTICIPANT, "stranger", "participant")
    with installation.work(stranger, at) as work:
        count_failure(work.session, f"link:{source}", at)
        work.record(Event.ACTIVATION_REFUSED, INSTALLATION)
    raise Refused("wrong_link")


def _bind(work: UnitOfWork, participant_id: int, secret: str, pin_hash: str, cookie: str, label: str) -> None:
    chain = chain_of_participant(participant_id)
    work.lock(chain)
    activation = _usable(work.session, secret, work.at)
    participant = work.session.get_one(Participant, participant_id)
    if activation is None or participant.exit_kind is not None:
        raise Refused("wrong_link")  # somebody was quicker with the same link
    activation.used_at = work.at
    participant.pin_hash = pin_hash
    work.session.add(
        Device(
            participant_id=participant_id,
            token_hash=hashed(cookie),
            label=label,
            bound_at=work.at,
            seen_at=work.at,
        )
    )
    work.record(Event.DEVICE_BOUND, chain)


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
    )


def touch(installation: Installation, visitor: Visitor, at: datetime) -> None:
    """Keep an unlocked browser awake; writes at most once a minute."""
    if visitor.locked or at - visitor.seen_at < _SEEN_EVERY:
        return
    with installation.work(visitor.actor, at) as work:
        work.session.get_one(Device, visitor.device_id).seen_at = at


def unlock(installation: Installation, visitor: Visitor, pin: str, at: datetime) -> None:
    """Wake an idle browser with the PIN. Raises Refused: "throttled", "wrong_pin"; both are recorded."""
    subject = f"pin:{visitor.participant_id}:{visitor.device_id}"
    chain = chain_of_participant(visitor.participant_id)
    with installation.read() as session:
        check_tries(session, subject, at)
        stored = session.get_one(Participant, visitor.participant_id).pin_hash
    right = installation.sealer.matches(stored, pin)
    with installation.work(visitor.actor, at) as work:
        work.lock(chain)
        if right:
            device = work.session.get_one(Device, visitor.device_id)
            device.seen_at, device.locked_at = at, None
            forget_failures(work.session, subject)
            work.record(Event.DEVICE_UNLOCKED, chain)
        else:
            count_failure(work.session, subject, at)
            work.record(Event.PIN_REFUSED, chain)
    if not right:
        raise Refused("wrong_pin")


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


def _check_pin(pin: str, again: str) -> None:
    in_a_row = pin in "0123456789" or pin in "9876543210"
    if re.fullmatch(rf"[0-9]{{{PIN_DIGITS}}}", pin) is None or len(set(pin)) == 1 or in_a_row:
        raise Refused("bad_pin", field="pin", allowed=f"{PIN_DIGITS} digits, not all alike or in a row")
    if pin != again:
        raise Refused("pins_differ", field="pin_again")


def is_code(secret: str) -> bool:
    """Whether this is a short code to type, rather than the secret of a link."""
    return len(typed_code(secret)) <= CODE_LENGTH


def _usable(session: Session, secret: str, at: datetime) -> Activation | None:
    """The activation that this link or code may use now."""
    waiting = col(Activation.used_at).is_(None), col(Activation.revoked_at).is_(None)
    statement = select(Activation).where(*waiting)
    if is_code(secret):
        told = hashed(typed_code(secret))
        statement = statement.where(Activation.code_hash == told, col(Activation.code_expires_at) > at)
    else:
        statement = statement.where(Activation.token_hash == hashed(secret), col(Activation.expires_at) > at)
    return session.exec(statement).one_or_none()


def _invited(session: Session, secret: str, at: datetime) -> Invited | None:
    activation = _usable(session, secret, at)
    if activation is None:
        return None
    statement = (
        select(Participant, Site, Study)
        .join(Site, col(Site.id) == col(Participant.site_id))
        .join(Study, col(Study.id) == col(Participant.study_id))
        .where(Participant.id == activation.participant_id)
    )
    participant, site, study = session.exec(statement).one()
    if participant.exit_kind is not None:
        return None
    return Invited(
        participant_id=participant.id or 0,
        public_id=participant.public_id,
        language=participant.language,
        study=study.code,
        plan_version=study.plan_version,
        site=site,
    )
