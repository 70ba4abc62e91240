"""Activation of a participant's browser: invitation, second check, and binding the browser."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from app.domain.plans.plan import SecondCheck
from app.domain.records.access import Actor, ActorKind
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.accounts.second_check import check_new_pin, is_confirmed
from app.services.core.context import participant_actor
from app.services.core.identifiers import (
    CODE_LENGTH,
    TOKEN_BYTES,
    new_token,
    normalise_code,
    token_digest,
)
from app.services.core.installation import Installation
from app.services.core.throttling import (
    check_guess,
    code_limits,
    forget_invitation_failures,
    invitation_limits,
)
from app.storage.row_changes import INSTALLATION_CHAIN, participant_chain
from app.storage.tables.participants import Activation, Device, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site, Study
from app.storage.unit_of_work import UnitOfWork

_STRANGER = Actor(ActorKind.PARTICIPANT, "stranger", "participant")


class RequiredCheck(StrEnum):
    """Which second check an invitation requires."""

    new_pin = "new_pin"
    pin = "pin"
    birth_date = "birth_date"
    nothing = "nothing"


@dataclass(frozen=True, slots=True)
class InvitationContext:
    """Whom an invitation was made for, as far as its first page needs to know.

    `handed_over`: staff hand the clinic's tablet over, for the form `slot` or for whatever is open.
    """

    participant_id: int
    public_id: str
    language: str
    study: str
    plan_version: str
    site: Site
    activation_id: int
    asks: RequiredCheck
    handed_over: bool = False
    slot: str = ""


def find_invitation(installation: Installation, link: str, at: datetime) -> InvitationContext:
    """Look up the invitation of a link. Changes nothing: link scanners and message previews open links too.

    Raises Refused("wrong_link") alike for an unknown, used, revoked or expired one (SEC-07). A short
    code is none: it can be guessed, so that it is looked up by `redeem_invitation` alone.
    """
    if is_short_code(link):
        raise Refused("wrong_link")
    with installation.read() as session:
        invited = _invited(installation, session, link, at)
    if invited is None:
        raise Refused("wrong_link")
    return invited


def redeem_invitation(
    installation: Installation, secret: str, source: str, at: datetime, pin: str | None = None
) -> InvitationContext:
    """Look up the invitation of a link or code that is being used; a failure is counted and audited.

    `source` names where the request came from. Many people may stand behind it, so that a few who mistype
    hold up nobody else; and a good link, which cannot be guessed, passes whatever others tried (IAM-12). With
    a `pin`, to refuse takes as long as for a good link or code with a wrong one (SEC-07). Raises Refused:
    "throttled", "sign_in_busy", "wrong_link".
    """
    if not is_short_code(secret):
        invited = _look_up(installation, secret, at)
        if invited is not None:
            return invited
    invited = check_guess(
        installation, code_limits(source), at, lambda: _look_up(installation, secret, at, pin)
    )
    if invited is None:
        with installation.open_work(_STRANGER, at) as work:
            work.record(AuditEvent.ACTIVATION_REFUSED, INSTALLATION_CHAIN)
        raise Refused("wrong_link")
    return invited


def activate_device(
    installation: Installation,
    secret: str,
    answer: str,
    again: str,
    label: str,
    source: str,
    at: datetime,
    browser: str = "",
) -> str:
    """Bind a browser with a link or code and the answer to what it asks; returns the cookie's token.

    `answer` is a new PIN (`again` repeats it), the PIN that there is, a birth date as YYYY-MM-DD, or "".
    What the same `browser` (its probe) asks twice at once binds it once (idempotent).
    Raises Refused: "bad_pin", "pins_differ", "throttled", "sign_in_busy", or as `redeem_invitation`: a wrong
    answer reads like a wrong code (SEC-07). Neither PIN nor date is ever stored.
    """
    invited = redeem_invitation(installation, secret, source, at)
    pin_hash = None
    if invited.asks is RequiredCheck.new_pin:
        check_new_pin(answer, again)
        pin_hash = installation.secret_box.pins.hash(answer)
    else:
        _confirm(installation, invited, answer, source, at)
    cookie = _token_of_browser(installation, secret, browser) or new_token()
    with installation.open_work(participant_actor(invited.public_id), at) as work:
        _bind(work, invited.participant_id, secret, pin_hash, cookie, label)
    return cookie


def find_own_activation(installation: Installation, secret: str, browser: str, at: datetime) -> str | None:
    """The cookie's token that this browser got by this link or code within the hour; None where it did not.

    So who pressed twice, or whose answer was lost on the way, is not shut out by a link that they used.
    """
    token = _token_of_browser(installation, secret, browser)
    if not token:
        return None
    with installation.read() as session:
        return token if _is_bound(session, token, at) else None


def _token_of_browser(installation: Installation, secret: str, browser: str) -> str:
    """The token that this browser gets by this link or code, the same each time; "" where it has no probe.

    Only who has the installation's key can make it of the two, and each of them is a secret.
    """
    if len(browser) < len(new_token()):
        return ""
    used = normalise_code(secret) if is_short_code(secret) else secret
    digest = installation.secret_box.keyed_digest("device", f"{browser}:{used}")
    return urlsafe_b64encode(digest[:TOKEN_BYTES]).decode()


def _is_bound(session: Session, token: str, at: datetime) -> bool:
    lately = col(Device.bound_at) > at - REPEATED_FOR, col(Device.revoked_at).is_(None)
    statement = select(Device.id).where(Device.token_hash == token_digest(token), *lately)
    return session.exec(statement).one_or_none() is not None


def is_short_code(secret: str) -> bool:
    """Whether this is a short code to type, rather than the secret of a link."""
    return len(normalise_code(secret)) <= CODE_LENGTH


def _look_up(
    installation: Installation, secret: str, at: datetime, pin: str | None = None
) -> InvitationContext | None:
    """The invitation; where there is none, a PIN that came along is hashed all the same."""
    with installation.read() as session:
        invited = _invited(installation, session, secret, at)
    if invited is None and pin is not None:
        installation.secret_box.pins.matches(None, pin)
    return invited


def _confirm(
    installation: Installation, invited: InvitationContext, answer: str, source: str, at: datetime
) -> None:
    """Check the answer; failures count for invitation and source, for the source, and for the participant.

    Browsers that are bound already are not affected, and a new invitation from the site begins anew (IAM-12).
    """
    check = SecondCheck.none if invited.asks is RequiredCheck.nothing else SecondCheck(invited.asks.value)
    limits = invitation_limits(invited.participant_id, invited.activation_id, source)
    with installation.read() as session:
        participant = session.get_one(Participant, invited.participant_id)
    box = installation.secret_box
    if check_guess(installation, limits, at, lambda: is_confirmed(box, participant, check, answer)):
        return
    chain = participant_chain(invited.participant_id)
    with installation.open_work(_STRANGER, at) as work:
        work.record(AuditEvent.ACTIVATION_REFUSED, chain)
    raise Refused("wrong_link")


def _bind(
    work: UnitOfWork, participant_id: int, secret: str, pin_hash: str | None, cookie: str, label: str
) -> None:
    chain = participant_chain(participant_id)
    work.lock(chain)
    if _is_bound(work.session, cookie, work.at):
        return  # the same browser was quicker with the same link
    activation = _usable(work.session, secret, work.at)
    participant = work.session.get_one(Participant, participant_id)
    if activation is None or participant.exit_kind is not None:
        raise Refused("wrong_link")  # somebody was quicker with the same link
    activation.used_at = work.at
    if pin_hash is not None:
        participant.pin_hash = pin_hash
    participant.activated_at = participant.activated_at or work.at
    forget_invitation_failures(work.session, participant_id)
    work.session.add(
        Device(
            participant_id=participant_id,
            token_hash=token_digest(cookie),
            label=label,
            bound_at=work.at,
            seen_at=work.at,
            handed_over_by=activation.handed_over_by,
            handed_slot_id=activation.handed_slot_id,
        )
    )
    work.record(AuditEvent.DEVICE_BOUND, chain)


def _usable(session: Session, secret: str, at: datetime) -> Activation | None:
    """The activation that this link or code may use now."""
    waiting = col(Activation.used_at).is_(None), col(Activation.revoked_at).is_(None)
    statement = select(Activation).where(*waiting)
    if is_short_code(secret):
        digest = token_digest(normalise_code(secret))
        statement = statement.where(Activation.code_hash == digest, col(Activation.code_expires_at) > at)
    else:
        statement = statement.where(
            Activation.token_hash == token_digest(secret), col(Activation.expires_at) > at
        )
    return session.exec(statement).one_or_none()


def _invited(
    installation: Installation, session: Session, secret: str, at: datetime
) -> InvitationContext | None:
    activation = _usable(session, secret, at)
    if activation is None:
        return None
    statement = (
        select(Participant, Site, Study, Slot.public_id)
        .join(Site, col(Site.id) == col(Participant.site_id))
        .join(Study, col(Study.id) == col(Participant.study_id))
        .outerjoin(Slot, col(Slot.id) == activation.handed_slot_id)
        .where(Participant.id == activation.participant_id)
    )
    participant, site, study, slot = session.exec(statement).one()
    if participant.exit_kind is not None:
        return None
    plan = installation.library.get_plan(study.code, participant.plan_version)
    return InvitationContext(
        participant_id=participant.id,
        public_id=participant.public_id,
        language=participant.language,
        study=study.code,
        plan_version=participant.plan_version,
        site=site,
        activation_id=activation.id,
        asks=_requires(plan.second_check, activation),
        handed_over=activation.handed_over_by is not None,
        slot=slot or "",
    )


def _requires(check: SecondCheck, activation: Activation) -> RequiredCheck:
    if check is SecondCheck.none:
        return RequiredCheck.nothing
    if check is SecondCheck.birth_date:
        return RequiredCheck.birth_date
    return RequiredCheck.new_pin if activation.resets_pin else RequiredCheck.pin


LINK_LIFE = timedelta(days=14)
CODE_LIFE = timedelta(hours=24)
REPEATED_FOR = timedelta(hours=1)
