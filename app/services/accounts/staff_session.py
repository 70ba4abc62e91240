"""Sign-in of staff: password, then the second factor, then a session that expires."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import Session, col, select

from app.domain.clock_trust import is_over
from app.domain.records.access import Actor, ActorKind, Grant, Role, staff_actor
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.typed_text import narrow_address, password_spellings
from app.i18n.languages import LANGUAGES, find_language
from app.services.accounts.known_browsers import find_known_browser
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_token, token_digest
from app.services.core.installation import Installation
from app.services.core.second_factor.shown_factor import (
    RecognisedFactor,
    ShownFactor,
    name_factor,
    recognise_factor,
    refuse_factor,
    spend_factor,
)
from app.services.core.throttling import check_guess, staff_limits
from app.storage.database.plain_reads import PlainRead
from app.storage.queries.staff import grant_may_last, list_grants
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import RoleGrant, Staff, StaffSession, StaffView
from app.storage.tables.studies import Site, Study
from app.storage.unit_of_work import UnitOfWork

IDLE = timedelta(minutes=30)
"""A session ends after so long without a request (SEC-05)."""
IDLE_WARNING = timedelta(minutes=2)
"""So long before that a page says that it comes."""
ABSOLUTE = timedelta(hours=12)
"""A session ends so long after sign-in, used or not (SEC-05)."""
PENDING = timedelta(minutes=10)
"""How long the second factor may follow the password."""
MOST_BROWSERS = 5
"""In so many browsers one person is signed in at most; the longest signed in is ended by a sixth."""
_SEEN_EVERY = timedelta(seconds=60)
STRANGER = Actor(ActorKind.STAFF, "stranger", "none")


@dataclass(frozen=True, slots=True)
class StaffBrowser:
    """What a browser brings to the sign-in page: proofs of earlier sign-ins, and its session so far."""

    proofs: str = ""
    session: str | None = None


NEW_BROWSER = StaffBrowser()


@dataclass(frozen=True, slots=True)
class GrantedStudy:
    """A study in which a member of staff has a role, and the plan version that it follows.

    `filters` are those with which they opened the list of the request last, as its address has them.
    """

    study_id: int
    code: str
    plan_version: str
    filters: str = ""


@dataclass(frozen=True, slots=True)
class SignedInStaff:
    """A signed-in member of staff; `actor` carries the grants in force at this request.

    `studies` are those of the grants, by code.
    """

    staff_id: int
    name: str
    language: str
    actor: Actor
    seen_at: datetime
    studies: tuple[GrantedStudy, ...] = ()


def sign_in_staff(
    installation: Installation,
    email: str,
    password: str,
    source: str,
    at: datetime,
    browser: StaffBrowser = NEW_BROWSER,
) -> str:
    """Check the password; returns the cookie of half a session, good for the second factor only.

    An unknown, a disabled and a known account with a wrong password are refused alike, after the same work.
    The session that the browser had before ends with a right password. Raises Refused: "throttled" (per
    account and source, per source, and slowly per account), "sign_in_busy", "wrong_sign_in".
    """
    address = narrow_address(email)
    known = find_known_browser(installation.secret_box, browser.proofs, address, at)
    with installation.read() as session:
        staff = session.exec(select(Staff).where(Staff.email == address)).one_or_none()

    def find_confirmed() -> Staff | None:
        hashed = (staff.password_hash or None) if staff else None
        passwords = installation.secret_box.passwords
        # Every spelling is compared, whether or not one fits: the time tells nothing of the account.
        fits = [
            passwords.matches(hashed, spelling, known is not None)
            for spelling in password_spellings(password)
        ]
        return staff if any(fits) and staff is not None and staff.disabled_at is None else None

    limits = staff_limits("staff", address, source, known)
    confirmed = check_guess(installation, limits, at, find_confirmed)
    cookie = new_token()
    if confirmed is None or not _half_opened(installation, confirmed, cookie, browser.session, at):
        _record_refusal(installation, staff, at, "password")
        raise Refused("wrong_sign_in")
    return cookie


def _half_opened(
    installation: Installation, confirmed: Staff, cookie: str, earlier: str | None, at: datetime
) -> bool:
    """Open half a session, unless the account was reset or disabled since its password was checked."""
    with installation.open_work(staff_actor(confirmed.id), at) as work:
        if not stands_unchanged(work, confirmed):
            return False
        _end_earlier_session(work, earlier)
        work.session.add(
            StaffSession(token_hash=token_digest(cookie), staff_id=confirmed.id, opened_at=at, seen_at=at)
        )
    return True


def pending_second_factor(session: Session, cookie: str | None, at: datetime) -> StaffSession:
    """The session whose password was given and whose code is awaited; Refused("not_signed_in") otherwise."""
    row = session.get(StaffSession, token_digest(cookie or ""))
    if row is None or row.closed_at is not None or row.second_factor_at is not None:
        raise Refused("not_signed_in")
    if is_over(row.opened_at, at, PENDING):
        raise Refused("not_signed_in")
    return row


def confirm_second_factor(
    installation: Installation,
    cookie: str | None,
    shown: ShownFactor,
    source: str,
    at: datetime,
    browser: StaffBrowser = NEW_BROWSER,
) -> str:
    """Check the second factor; returns the cookie of the whole session, which replaces the half one.

    Codes and passkeys only move forward: what is shown is accepted once, and nothing older from then on.
    Raises Refused: "not_signed_in", "throttled", "wrong_code", "wrong_passkey".
    """
    with installation.read() as session:
        half = pending_second_factor(session, cookie, at)
        staff = session.get_one(Staff, half.staff_id)
        grants = list_grants(session, half.staff_id, installation.grant_rules(at))
    known = find_known_browser(installation.secret_box, browser.proofs, staff.email, at)
    fresh = new_token()

    def is_right() -> bool:
        factor = recognise_factor(installation, staff, shown, at)
        return factor is not None and _opened(installation, staff, grants, half.token_hash, factor, fresh, at)

    if not check_guess(installation, staff_limits("code", staff.email, source, known), at, is_right):
        _record_refusal(installation, staff, at, name_factor(shown))
        raise refuse_factor(shown)
    return fresh


def _opened(
    installation: Installation,
    staff: Staff,
    grants: tuple[Grant, ...],
    half_hash: str,
    factor: RecognisedFactor,
    fresh: str,
    at: datetime,
) -> bool:
    """Open the whole session under a new token, unless what was shown, or a newer one, was used before."""
    with installation.open_work(staff_actor(staff.id, grants), at) as work:
        # Two tries with one code or answer wait in line here, so that one finds the other's.
        if not stands_unchanged(work, staff):
            return False
        half = work.session.get_one(StaffSession, half_hash)
        if half.closed_at is not None or not spend_factor(work, staff.id, factor):
            return False
        half.closed_at = at
        _end_oldest_sessions(work, staff.id)
        work.session.add(
            StaffSession(
                token_hash=token_digest(fresh),
                staff_id=staff.id,
                second_factor_at=at,
                opened_at=at,
                seen_at=at,
            )
        )
        work.record(AuditEvent.STAFF_SIGNED_IN, INSTALLATION_CHAIN)
    return True


# Every request of the desk begins with this, so it is prepared once and makes no objects of the rows.
class _SignedInRow(NamedTuple):
    """A session with its account and one of its grants; without any, its role is None and its code too."""

    opened_at: datetime
    seen_at: datetime
    id: int
    name: str
    language: str
    role: Role | None
    study_id: int
    site_id: int | None
    code: str
    plan_version: str
    ends_on: date | None
    site_zone: str | None
    filters: str | None = None


_SIGNED_IN_ROWS = (
    sa.select(
        col(StaffSession.opened_at),
        col(StaffSession.seen_at),
        col(Staff.id),
        col(Staff.name),
        col(Staff.language),
        col(RoleGrant.role),
        col(RoleGrant.study_id),
        col(RoleGrant.site_id),
        col(Study.code),
        col(Study.plan_version),
        col(RoleGrant.ends_on),
        col(Site.zone),
    )
    .join(Staff, col(Staff.id) == col(StaffSession.staff_id))
    .outerjoin(
        RoleGrant,
        (col(RoleGrant.staff_id) == col(Staff.id))
        & grant_may_last(sa.bindparam("earliest_day", type_=sa.Date())),
    )
    .outerjoin(Study, col(Study.id) == col(RoleGrant.study_id))
    .outerjoin(Site, (col(Site.id) == col(RoleGrant.site_id)) & col(RoleGrant.ends_on).is_not(None))
    .where(
        col(StaffSession.token_hash) == sa.bindparam("token_hash", type_=sa.String),
        col(StaffSession.closed_at).is_(None),
        col(StaffSession.second_factor_at).is_not(None),
        col(Staff.disabled_at).is_(None),
    )
    .order_by(col(RoleGrant.id))
)
_OF_STUDY = sa.literal(":").concat(sa.cast(col(RoleGrant.study_id), sa.String))
_LIST = sa.bindparam("list_name", type_=sa.String).concat(_OF_STUDY)
_SIGNED_IN = PlainRead(_SIGNED_IN_ROWS)
_SIGNED_IN_AT_LIST = PlainRead(
    _SIGNED_IN_ROWS.add_columns(col(StaffView.query)).outerjoin(
        StaffView, (col(StaffView.staff_id) == col(Staff.id)) & (col(StaffView.page) == _LIST)
    )
)


def authenticate_staff(
    installation: Installation,
    connection: Connection,
    cookie: str | None,
    at: datetime,
    list_name: str = "",
) -> SignedInStaff:
    """The member of staff behind this cookie, with the grants of this moment; and how they filter a list.

    Raises Refused("not_signed_in") for none, half, closed, idle or outlived sessions and disabled accounts,
    and for one that a wrong clock dated in the future.
    """
    rules = installation.grant_rules(at)
    values = {"token_hash": token_digest(cookie or ""), "earliest_day": rules.earliest_day}
    statement = _SIGNED_IN_AT_LIST if list_name else _SIGNED_IN
    rows = [_SignedInRow(*row) for row in statement.fetch(connection, values | {"list_name": list_name})]
    if not rows or is_over(rows[0].seen_at, at, IDLE) or is_over(rows[0].opened_at, at, ABSOLUTE):
        raise Refused("not_signed_in")
    first = rows[0]
    rows = [
        row
        for row in rows
        if row.ends_on is None or not rules.has_ended(row.ends_on, row.site_zone, row.code, row.plan_version)
    ]
    grants = tuple(
        rules.make_grant(row.role, row.study_id, row.site_id, row.code, row.plan_version)
        for row in rows
        if row.role is not None
    )
    studies = {
        row.study_id: GrantedStudy(row.study_id, row.code, row.plan_version, row.filters or "")
        for row in rows
        if row.code
    }
    return SignedInStaff(
        first.id,
        first.name,
        first.language,
        staff_actor(first.id, grants),
        first.seen_at,
        tuple(sorted(studies.values(), key=lambda study: study.code)),
    )


def keep_staff_session_alive(
    installation: Installation, staff: SignedInStaff, cookie: str | None, at: datetime
) -> None:
    """Renew a session's idle time-out (debounced: writes at most once a minute)."""
    if at - staff.seen_at < _SEEN_EVERY:
        return
    with installation.open_work(staff.actor, at) as work:
        work.session.get_one(StaffSession, token_digest(cookie or "")).seen_at = at


def sign_out_staff(
    installation: Installation, staff: SignedInStaff, cookie: str | None, at: datetime
) -> None:
    """Revoke the session; its cookie authenticates nobody from now on."""
    with installation.open_work(staff.actor, at) as work:
        work.session.get_one(StaffSession, token_digest(cookie or "")).closed_at = at
        work.record(AuditEvent.STAFF_SIGNED_OUT, INSTALLATION_CHAIN)


def remember_staff_language(context: StaffContext, staff_id: int, code: str) -> str:
    """Keep the language that this member of staff works in; returns its code. Refused("unknown_language")."""
    chosen = find_language(code)
    if chosen is None:
        raise Refused("unknown_language", allowed=tuple(known.code for known in LANGUAGES))
    with context.unit_of_work() as work:
        account = work.session.get_one(Staff, staff_id)
        if account.language != chosen.code:
            account.language = chosen.code
            work.record(AuditEvent.LANGUAGE_CHANGED, INSTALLATION_CHAIN)
    return chosen.code


def list_open_sessions(session: Session, staff_id: int, at: datetime) -> list[StaffSession]:
    """The browsers in which somebody is signed in at this moment, the newest first.

    A session that ended by itself is none of them, although nothing closed its row.
    """
    statement = select(StaffSession).where(
        StaffSession.staff_id == staff_id,
        col(StaffSession.closed_at).is_(None),
        col(StaffSession.second_factor_at).is_not(None),
        col(StaffSession.opened_at) > at - ABSOLUTE,
    )
    rows = session.exec(statement.order_by(col(StaffSession.opened_at).desc()))
    return [row for row in rows if not is_over(row.seen_at, at, IDLE)]


def stands_unchanged(work: UnitOfWork, checked: Staff) -> bool:
    """Whether an account is still enabled, with the password and factor that were checked before the lock.

    A check takes long and is made outside of the transaction. This waits in line with all that changes
    accounts: no reset comes between it and what follows, and none that came before is undone.
    """
    work.lock(INSTALLATION_CHAIN)
    staff = work.session.get_one(Staff, checked.id)
    secrets = (staff.password_hash, staff.totp_sealed)
    return staff.disabled_at is None and secrets == (checked.password_hash, checked.totp_sealed)


def _end_oldest_sessions(work: UnitOfWork, staff_id: int) -> None:
    """Make room for one more browser among those in which a person may be signed in."""
    for row in list_open_sessions(work.session, staff_id, work.at)[MOST_BROWSERS - 1 :]:
        row.closed_at = work.at
        work.record(AuditEvent.STAFF_SESSION_ENDED, INSTALLATION_CHAIN, reason="browsers")


def _record_refusal(installation: Installation, staff: Staff | None, at: datetime, factor: str) -> None:
    actor = staff_actor(staff.id) if staff else STRANGER
    with installation.open_work(actor, at) as work:
        work.record(AuditEvent.STAFF_SIGN_IN_REFUSED, INSTALLATION_CHAIN, reason=factor)


def _end_earlier_session(work: UnitOfWork, cookie: str | None) -> None:
    """End the session whose cookie a browser is about to lose; its end is its own owner's in the trail."""
    earlier = work.session.get(StaffSession, token_digest(cookie or ""))
    if earlier is None or earlier.closed_at is not None:
        return
    earlier.closed_at = work.at
    if earlier.second_factor_at is not None:
        with work.join_act(staff_actor(earlier.staff_id), work.at) as ending:
            ending.record(AuditEvent.STAFF_SIGNED_OUT, INSTALLATION_CHAIN)
