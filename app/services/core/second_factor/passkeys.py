"""Passkeys as a second factor: what a browser answers is checked, and each passkey's use moves it forward.

An answer counts once: its challenge must be younger than the passkey's last use. A count of signatures that
does not grow means that two devices hold the same key; the passkey is stopped then, and says so.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar
from webauthn import (
    generate_authentication_options,
    options_to_json,
    verify_authentication_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_client_data_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    UserVerificationRequirement,
)

from app.domain.records.access import staff_actor
from app.domain.records.audit import AuditEvent
from app.services.core.installation import Installation
from app.services.core.second_factor.challenges import (
    CHALLENGE_LIFE,
    ChallengePurpose,
    ChallengeTerms,
    PasskeySite,
    find_passkey_site,
    make_challenge,
    read_challenge,
)
from app.services.core.secrets import SecretBox
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import Passkey, Staff
from app.storage.unit_of_work import UnitOfWork

MALFORMED = (WebAuthnException, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What reading and checking raises for an answer that no browser gives."""
PATIENCE_MS = CHALLENGE_LIFE.seconds * 1000


@dataclass(frozen=True, slots=True)
class SignedChallenge:
    """What a passkey answered, as the browser wrote it, and the session (its token) that was asked."""

    credential: str
    session: str


@dataclass(frozen=True, slots=True)
class PasskeyUse:
    """A right answer that may have been used before: which passkey, its count, and when it was asked."""

    passkey_id: int
    sign_count: int
    asked_at: datetime


def recognise_passkey(
    installation: Installation, staff: Staff, signed: SignedChallenge, at: datetime
) -> PasskeyUse | None:
    """Recognise an answer of one of this account's passkeys; None for a wrong one.

    An account whose second factor was reset has no right answer. A passkey whose count does not grow is
    stopped, in a transaction of its own, and its answer is wrong.
    """
    site = find_passkey_site(installation.public_url)
    if site is None or not staff.totp_sealed:
        return None
    terms = ChallengeTerms(ChallengePurpose.SHOW, staff.id, signed.session)
    try:
        credential = parse_authentication_credential_json(signed.credential)
        challenge = parse_client_data_json(credential.response.client_data_json).challenge
        asked_at = read_challenge(installation.secret_box, terms, challenge, at)
        named = bytes_to_base64url(credential.raw_id)
        with installation.read() as session:
            row = session.exec(_usable(staff.id).where(Passkey.credential_id == named)).first()
        if row is None or asked_at is None or not _is_own(installation.secret_box, staff, credential):
            return None
        shown = _verify(site, row, credential, challenge)
    except MALFORMED:
        return None
    use = PasskeyUse(row.id, shown.new_sign_count, asked_at)
    if _is_used(row, use, at):
        return None
    if not _has_grown(row, use):
        _stop(installation, staff, row, at)
        return None
    return use


def spend_passkey(work: UnitOfWork, use: PasskeyUse) -> bool:
    """Move a passkey forward; False if this answer, or a later one, was used before, or it works no more.

    The caller holds the lock of the installation's chain, so that two tries of one answer wait in line.
    """
    row = work.session.get_one(Passkey, use.passkey_id)
    if row.revoked_at is not None or row.stopped_at is not None:
        return False
    if _is_used(row, use, work.at) or not _has_grown(row, use):
        return False
    row.sign_count, row.last_used_at = use.sign_count, work.at
    work.record(AuditEvent.PASSKEY_USED, INSTALLATION_CHAIN)
    return True


def write_passkey_request(
    installation: Installation, staff_id: int, session: str, at: datetime
) -> str | None:
    """What a browser asks a passkey of this account to sign, as JSON; None where the account has none."""
    site = find_passkey_site(installation.public_url)
    with installation.read() as reading:
        rows = list_usable_passkeys(reading, staff_id)
    if site is None or not rows:
        return None
    terms = ChallengeTerms(ChallengePurpose.SHOW, staff_id, session)
    options = generate_authentication_options(
        rp_id=site.rp_id,
        challenge=make_challenge(installation.secret_box, terms, at),
        timeout=PATIENCE_MS,
        allow_credentials=describe_passkeys(rows),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def has_passkeys(installation: Installation, staff_id: int) -> bool:
    """Whether somebody can show a passkey."""
    if find_passkey_site(installation.public_url) is None:
        return False
    with installation.read() as session:
        return session.exec(_usable(staff_id).limit(1)).first() is not None


def list_passkeys(session: Session, staff_id: int) -> Sequence[Passkey]:
    """The passkeys of an account that were not removed, the oldest first; stopped ones too."""
    rows = select(Passkey).where(Passkey.staff_id == staff_id, col(Passkey.revoked_at).is_(None))
    return session.exec(rows.order_by(col(Passkey.id))).all()


def list_usable_passkeys(session: Session, staff_id: int) -> Sequence[Passkey]:
    """The passkeys with which an account can sign in."""
    return [row for row in list_passkeys(session, staff_id) if row.stopped_at is None]


def count_passkeys(session: Session, staff_ids: Collection[int]) -> Counter[tuple[int, bool]]:
    """How many passkeys accounts have that were not removed: by account, and whether they are stopped."""
    stopped = col(Passkey.stopped_at).is_not(None)
    rows = sa.select(col(Passkey.staff_id), stopped).where(
        col(Passkey.staff_id).in_(staff_ids), col(Passkey.revoked_at).is_(None)
    )
    return Counter((staff_id, bool(gone)) for staff_id, gone in session.connection().execute(rows))


def describe_passkeys(rows: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    """How a browser is told of passkeys."""
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(row.credential_id),
            transports=[AuthenticatorTransport(transport) for transport in row.transports.split()] or None,
        )
        for row in rows
    ]


def void_passkeys(work: UnitOfWork, staff_id: int) -> None:
    """Void every passkey of an account."""
    for row in list_passkeys(work.session, staff_id):
        row.revoked_at = work.at


def make_user_handle(box: SecretBox, staff_id: int) -> bytes:
    """By what an authenticator tells accounts apart: it names nobody."""
    return box.keyed_digest("daybook: passkey user", str(staff_id))


def _usable(staff_id: int) -> SelectOfScalar[Passkey]:
    return select(Passkey).where(
        Passkey.staff_id == staff_id,
        col(Passkey.revoked_at).is_(None),
        col(Passkey.stopped_at).is_(None),
    )


def _verify(
    site: PasskeySite, row: Passkey, credential: AuthenticationCredential, challenge: bytes
) -> VerifiedAuthentication:
    """Check origin, site, verified user and signature; what the count says is judged by `_has_grown`."""
    return verify_authentication_response(
        credential=credential,
        expected_challenge=challenge,
        expected_rp_id=site.rp_id,
        expected_origin=site.origin,
        credential_public_key=base64url_to_bytes(row.public_key),
        credential_current_sign_count=0,
        require_user_verification=True,
    )


def _is_own(box: SecretBox, staff: Staff, credential: AuthenticationCredential) -> bool:
    """Whether the authenticator names no account, or this one."""
    named = credential.response.user_handle
    return not named or named == make_user_handle(box, staff.id)


def _is_used(row: Passkey, use: PasskeyUse, at: datetime) -> bool:
    """Whether a challenge is no younger than the last use.

    A use in the future was recorded while our own clock was ahead. Challenges of then are refused by their
    date, and nobody has to wait until it.
    """
    return row.last_used_at is not None and use.asked_at <= row.last_used_at <= at


def _has_grown(row: Passkey, use: PasskeyUse) -> bool:
    """Whether the count of signatures has grown; many passkeys do not count and say 0."""
    return use.sign_count > row.sign_count or use.sign_count == row.sign_count == 0


def _stop(installation: Installation, staff: Staff, row: Passkey, at: datetime) -> None:
    """Stop a passkey of which there may be a copy; whoever is beside it in the trail is its owner."""
    with installation.open_work(staff_actor(staff.id), at) as work:
        work.lock(INSTALLATION_CHAIN)
        work.session.get_one(Passkey, row.id).stopped_at = at
        work.record(AuditEvent.PASSKEY_STOPPED, INSTALLATION_CHAIN)
