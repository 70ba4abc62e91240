"""Single-use links: inviting, resetting what somebody signs in with, and what the person chooses with it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product

import pyotp
from sqlmodel import Session, select

from app.domain.people.names import parse_mail_address, parse_name, parse_reason
from app.domain.records.access import Role, staff_actor
from app.domain.records.audit import AuditEvent
from app.domain.records.staff_links import LinkPurpose, MailOutcome
from app.domain.refusal import Refused, check_all, raise_all
from app.domain.typed_text import password_spellings
from app.i18n.languages import LANGUAGE_CODES
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_token, token_digest
from app.services.core.installation import Installation
from app.services.core.second_factor.one_time_codes import (
    RecognisedCode,
    find_step,
    make_recovery_codes,
    void_recovery_codes,
)
from app.services.core.second_factor.passkeys import void_passkeys
from app.services.core.second_factor.shown_factor import (
    RecognisedFactor,
    ShownFactor,
    recognise_factor,
    refuse_factor,
    spend_factor,
)
from app.services.core.throttling import check_guess, staff_limits
from app.services.people.managed_people import require_whole_account
from app.services.setup.passwords import check_chosen_password, check_new_password
from app.services.setup.staff_duties import end_sessions, require_remaining_admin, revoke_links
from app.services.setup.studies import choose_grant_end, grant_role
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import Staff, StaffLink
from app.storage.unit_of_work import UnitOfWork

LINK_LIFE = timedelta(days=7)
"""How long an invitation works."""
RESET_LIFE = timedelta(days=1)
"""How long a link works by which somebody who was let in before chooses anew."""
_LIVES = {LinkPurpose.INVITATION: LINK_LIFE}
PATH = "/desk/join/"
"""The page of such a link, as in `app.web.urls.JOIN`."""


@dataclass(frozen=True, slots=True)
class InvitationEntry:
    """Whom to invite, in which language, and with which roles at which sites; no site: the whole study."""

    email: str
    name: str
    language: str
    study: str
    roles: tuple[Role, ...]
    sites: tuple[str, ...]
    ends_on: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A new link, which stands nowhere else and can be shown only now."""

    link_id: int
    staff_id: int
    email: str
    name: str
    language: str
    purpose: LinkPurpose
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link that works: whose it is, and the second factor that it offers."""

    staff_id: int
    purpose: LinkPurpose
    email: str
    name: str
    language: str
    totp_secret: str
    expires_at: datetime

    @property
    def totp_uri(self) -> str:
        """What an authenticator app reads from the QR code."""
        return pyotp.TOTP(self.totp_secret).provisioning_uri(name=self.email, issuer_name="Daybook")


def invite_person(context: StaffContext, entry: InvitationEntry) -> IssuedLink:
    """Make an account with its roles, into which nobody can sign in before its link was used.

    Raises Refused: "staff_exists" for an address that any account has or had (IAM-01), "role_needed",
    "unknown_language", or as `grant_role`, `parse_name`, `parse_mail_address` and `parse_reason`.
    """
    check_invitation(context, entry)
    name, address = parse_name(entry.name, "name"), parse_mail_address(entry.email, "email")
    reason = parse_reason(entry.reason)
    with context.unit_of_work() as work:
        work.lock(INSTALLATION_CHAIN)
        if work.session.exec(select(Staff.id).where(Staff.email == address)).first() is not None:
            raise Refused("staff_exists", field="email", email=address)
        staff = Staff(
            email=address,
            name=name,
            language=entry.language,
            password_hash="",
            totp_sealed="",
            created_at=context.at,
        )
        work.session.add(staff)
        work.session.flush()
        issued = _issue(context, work, staff, LinkPurpose.INVITATION, LINK_LIFE)
        work.record(AuditEvent.STAFF_INVITED, INSTALLATION_CHAIN, reason=reason)
        inside = context.join_work(work)
        for role in entry.roles:
            for site in entry.sites or (None,):
                grant_role(inside, staff.id, role, entry.study, site, entry.ends_on, reason)
    return issued


def check_invitation(context: StaffContext, entry: InvitationEntry) -> None:
    """Raises Refused as `invite_person`, of every field that is wrong by itself."""
    check_all(
        lambda: parse_name(entry.name, "name"),
        lambda: parse_mail_address(entry.email, "email"),
        lambda: _check_language(entry.language),
        lambda: _check_roles(entry.roles),
        lambda: _check_ends(context, entry),
        lambda: parse_reason(entry.reason),
    )


def _check_ends(context: StaffContext, entry: InvitationEntry) -> None:
    for role, site in product(entry.roles, entry.sites or (None,)):
        choose_grant_end(context, role, entry.ends_on, entry.study, site)


def _check_language(language: str) -> None:
    if language not in LANGUAGE_CODES:
        raise Refused("unknown_language", field="language", allowed=LANGUAGE_CODES)


def _check_roles(roles: Collection[Role]) -> None:
    if not roles:
        raise Refused("role_needed", field="role")


def reset_person(context: StaffContext, staff_id: int, purpose: LinkPurpose, reason: str) -> IssuedLink:
    """Void at once what somebody signs in with, and issue a link by which they choose it anew.

    An invitation that was not used is renewed alike. Raises Refused: "staff_disabled", "last_admin" unless
    the operator resets, or as `require_whole_account` and `parse_reason`.
    """
    reason = parse_reason(reason)
    with context.unit_of_work() as work:
        if require_whole_account(context, work, staff_id).disabled_at is not None:
            raise Refused("staff_disabled")
        staff = work.session.get_one(Staff, staff_id)
        if staff.password_hash and staff.totp_sealed and not context.actor.is_operator:
            require_remaining_admin(work, staff_id)
        purpose = _widen(work.session, staff, purpose)
        staff.password_hash = "" if purpose.asks_password else staff.password_hash
        if purpose.asks_second_factor:
            staff.totp_sealed = ""
            void_recovery_codes(work, staff_id)
            void_passkeys(work, staff_id)
        end_sessions(work, staff_id)
        issued = _issue(context, work, staff, purpose, _LIVES.get(purpose, RESET_LIFE))
        work.record(AuditEvent.STAFF_RESET, INSTALLATION_CHAIN, reason=reason)
    return issued


def record_mail(context: StaffContext, link_id: int, outcome: MailOutcome) -> None:
    """Record what became of the letter that carries a link."""
    with context.unit_of_work() as work:
        work.session.get_one(StaffLink, link_id).mailed = outcome
        work.record(AuditEvent.STAFF_LINK_MAILED, INSTALLATION_CHAIN)


def read_link(installation: Installation, token: str, at: datetime) -> OpenLink:
    """What a link offers. Raises Refused: "unknown_join_link", "link_used", "link_expired"."""
    with installation.read() as session:
        link, staff = _find_link(session, token, at)
        return OpenLink(
            staff_id=staff.id,
            purpose=link.purpose,
            email=staff.email,
            name=staff.name,
            language=staff.language,
            totp_secret=installation.secret_box.decrypt(link.totp_sealed),
            expires_at=link.expires_at,
        )


def check_choice(opened: OpenLink, password: str, again: str, shown: ShownFactor) -> None:
    """Every field of the link's form by itself, before anything is tried.

    Raises Refused: "proof_needed", or as `check_chosen_password` where a password is chosen.
    """
    chooses = opened.purpose.asks_password
    lacking = {"password": password or chooses, "one_time_code": shown}
    check_all(
        lambda: check_chosen_password(password, again, opened.email) if chooses else None,
        lambda: raise_all(
            Refused("proof_needed", field=name) for name, typed in lacking.items() if not typed
        ),
    )


def use_link(
    installation: Installation, token: str, password: str, shown: ShownFactor, source: str, at: datetime
) -> Sequence[str]:
    """Set the chosen password, the second factor or both; returns new recovery codes, shown this once.

    What is not chosen anew is asked: the password in force, or the second factor in force. Raises Refused: as
    `read_link` and `check_new_password`, "wrong_password_now", "wrong_code", "wrong_passkey", "throttled".
    """
    with installation.read() as session:
        link, staff = _find_link(session, token, at)
    box, composed = installation.secret_box, password_spellings(password)[0]
    hashed = ""
    if link.purpose.asks_password:
        check_new_password(composed, staff.email)
        hashed = box.passwords.hash(composed)
    limits = staff_limits("link", staff.email, source, None)

    def find_proof() -> RecognisedFactor | Refused:
        fits = link.purpose.asks_password or any(
            box.passwords.matches(staff.password_hash, spelling) for spelling in password_spellings(password)
        )
        if not fits:
            return Refused("wrong_password_now", field="password")
        if not link.purpose.asks_second_factor:
            return recognise_factor(installation, staff, shown, at) or refuse_factor(shown, "code")
        step = find_step(box.decrypt(link.totp_sealed), shown if isinstance(shown, str) else "", at)
        return RecognisedCode(step=step) if step is not None else Refused("wrong_code", field="code")

    proof = check_guess(installation, limits, at, find_proof)
    if isinstance(proof, Refused):
        raise proof
    with installation.open_work(staff_actor(staff.id), at) as work:
        work.lock(INSTALLATION_CHAIN)
        link, staff = _find_link(work.session, token, at)
        if not spend_factor(work, staff.id, proof):
            raise refuse_factor(shown, "code")
        link.used_at = at
        staff.password_hash = hashed or staff.password_hash
        codes: Sequence[str] = ()
        if link.purpose.asks_second_factor:
            staff.totp_sealed = link.totp_sealed
            codes = make_recovery_codes(work, box, staff.id)
        end_sessions(work, staff.id)
        work.record(AuditEvent.STAFF_LINK_USED, INSTALLATION_CHAIN)
    return codes


def _widen(session: Session, staff: Staff, purpose: LinkPurpose) -> LinkPurpose:
    """Let the link ask also for what the account has none of, which could not be proven otherwise.

    It is an invitation, which works longer, only for somebody who was invited and never let in.
    """
    if not staff.password_hash and not staff.totp_sealed and _awaits_invitation(session, staff.id):
        return LinkPurpose.INVITATION
    lacking_password = not staff.password_hash and not purpose.asks_password
    lacking_factor = not staff.totp_sealed and not purpose.asks_second_factor
    return LinkPurpose.BOTH if lacking_password or lacking_factor else purpose


def _awaits_invitation(session: Session, staff_id: int) -> bool:
    """Whether an account was made by an invitation, and no link of it was ever used."""
    links = session.exec(select(StaffLink).where(StaffLink.staff_id == staff_id)).all()
    invited = any(link.purpose is LinkPurpose.INVITATION for link in links)
    return invited and all(link.used_at is None for link in links)


def _issue(
    context: StaffContext, work: UnitOfWork, staff: Staff, purpose: LinkPurpose, life: timedelta
) -> IssuedLink:
    """Give an account a new link, in place of every earlier one."""
    revoke_links(work, staff.id)
    token, expires_at = new_token(), context.at + life
    link = StaffLink(
        staff_id=staff.id,
        purpose=purpose,
        token_hash=token_digest(token),
        totp_sealed=context.installation.secret_box.encrypt(pyotp.random_base32()),
        issued_at=context.at,
        issued_by=context.actor.id,
        expires_at=expires_at,
    )
    work.session.add(link)
    work.session.flush()
    url = f"{context.installation.public_url}{PATH}{token}"
    return IssuedLink(link.id, staff.id, staff.email, staff.name, staff.language, purpose, url, expires_at)


def _find_link(session: Session, token: str, at: datetime) -> tuple[StaffLink, Staff]:
    statement = select(StaffLink).where(StaffLink.token_hash == token_digest(token))
    link = session.exec(statement).one_or_none()
    staff = session.get(Staff, link.staff_id) if link else None
    if link is None or staff is None or staff.disabled_at is not None or link.revoked_at is not None:
        raise Refused("unknown_join_link")
    if link.used_at is not None:
        raise Refused("link_used")
    if link.expires_at <= at:
        raise Refused("link_expired")
    return link, staff
