"""The passkeys of one's own account: added with password and second factor, named, and removed."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import select
from webauthn import generate_registration_options, options_to_json, verify_registration_response
from webauthn.helpers import (
    bytes_to_base64url,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from app.domain.people.names import parse_name
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused, check_all
from app.services.core.context import StaffContext
from app.services.core.second_factor.challenges import (
    ChallengePurpose,
    ChallengeTerms,
    PasskeySite,
    find_passkey_site,
    make_challenge,
    read_challenge,
)
from app.services.core.second_factor.passkeys import (
    MALFORMED,
    PATIENCE_MS,
    describe_passkeys,
    list_passkeys,
    make_user_handle,
)
from app.services.people.own_proof import OwnProof, check_proof, prove_oneself, spend_proof
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import Passkey, Staff

MOST_PASSKEYS = 10
"""Of one account: a few devices, and a key in the drawer."""
LONGEST_ID, LONGEST_KEY = 1023, 1400
"""Bytes of a passkey's name, as the standard has it, and of its public key; the columns have room for both"""


@dataclass(frozen=True, slots=True)
class OwnPasskey:
    """A passkey of one's own. `stopped_at`: its count went back, so that there may be a copy of it."""

    passkey_id: int
    name: str
    made_at: datetime
    last_used_at: datetime | None
    stopped_at: datetime | None


def list_own_passkeys(context: StaffContext, staff_id: int) -> tuple[OwnPasskey, ...]:
    """One's own passkeys that were not removed, the oldest first."""
    with context.read() as session:
        return tuple(
            OwnPasskey(row.id, row.name, row.made_at, row.last_used_at, row.stopped_at)
            for row in list_passkeys(session, staff_id)
        )


def check_new_passkey(context: StaffContext, name: str, proof: OwnProof) -> None:
    """Every field of the form by itself, before anything is tried.

    Raises Refused: "passkeys_unavailable", or as `parse_name` and `check_proof`.
    """
    _require_site(context)
    check_all(lambda: parse_name(name, "name"), lambda: check_proof(proof))


def begin_passkey(context: StaffContext, staff_id: int, name: str, proof: OwnProof, cookie: str) -> str:
    """Check who adds a passkey of this name; returns what the browser asks the authenticator for, as JSON.

    Its challenge is what lets `add_passkey` add one, in this session and for a short time. Raises Refused:
    "passkeys_unavailable", "too_many_passkeys", or as `parse_name` and `prove_oneself`.
    """
    site = _require_site(context)
    parse_name(name, "name")
    with context.read() as session:
        staff = session.get_one(Staff, staff_id)
        rows = list_passkeys(session, staff_id)
    if len(rows) >= MOST_PASSKEYS:
        raise Refused("too_many_passkeys", most=MOST_PASSKEYS)
    factor = prove_oneself(context, staff, proof)
    with context.unit_of_work() as work:
        spend_proof(work, staff, factor)
    box = context.installation.secret_box
    terms = ChallengeTerms(ChallengePurpose.ADD, staff_id, cookie)
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name="Daybook",
        user_id=make_user_handle(box, staff_id),
        user_name=staff.email,
        user_display_name=staff.name,
        challenge=make_challenge(box, terms, context.at),
        timeout=PATIENCE_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=describe_passkeys(rows),
    )
    return options_to_json(options)


def add_passkey(context: StaffContext, staff_id: int, name: str, credential: str, cookie: str) -> None:
    """Add what the authenticator made for the challenge of `begin_passkey`.

    Raises Refused: "passkeys_unavailable", "passkey_not_added" for what is no answer to it, was added
    before, or came too late, "too_many_passkeys", "not_signed_in" for an account that was reset or disabled
    since, or as `parse_name`.
    """
    site = _require_site(context)
    name = parse_name(name, "name")
    try:
        registration = parse_registration_credential_json(credential)
        verified = _verify(context, site, staff_id, registration, cookie)
    except MALFORMED as malformed:
        raise Refused("passkey_not_added") from malformed
    credential_id = bytes_to_base64url(verified.credential_id)
    with context.unit_of_work() as work:
        work.lock(INSTALLATION_CHAIN)
        staff = work.session.get_one(Staff, staff_id)
        if staff.disabled_at is not None or not staff.totp_sealed:
            raise Refused("not_signed_in")
        known = select(Passkey.id).where(Passkey.credential_id == credential_id)
        if work.session.exec(known).first() is not None:
            raise Refused("passkey_not_added")
        if len(list_passkeys(work.session, staff_id)) >= MOST_PASSKEYS:
            raise Refused("too_many_passkeys", most=MOST_PASSKEYS)
        work.session.add(
            Passkey(
                staff_id=staff_id,
                credential_id=credential_id,
                public_key=bytes_to_base64url(verified.credential_public_key),
                sign_count=verified.sign_count,
                transports=_list_transports(registration),
                name=name,
                made_at=context.at,
            )
        )
        work.record(AuditEvent.PASSKEY_ADDED, INSTALLATION_CHAIN)


def remove_passkey(context: StaffContext, staff_id: int, passkey_id: int) -> None:
    """Remove one's own passkey; it works no more. Raises Refused("unknown_passkey")."""
    with context.unit_of_work() as work:
        work.lock(INSTALLATION_CHAIN)
        rows = list_passkeys(work.session, staff_id)
        removed = next((row for row in rows if row.id == passkey_id), None)
        if removed is None:
            raise Refused("unknown_passkey")
        removed.revoked_at = context.at
        work.record(AuditEvent.PASSKEY_REMOVED, INSTALLATION_CHAIN)


def _require_site(context: StaffContext) -> PasskeySite:
    site = find_passkey_site(context.installation.public_url)
    if site is None:
        raise Refused("passkeys_unavailable")
    return site


def _verify(
    context: StaffContext, site: PasskeySite, staff_id: int, registration: RegistrationCredential, cookie: str
) -> VerifiedRegistration:
    """Check that this answers a challenge of ours. Raises what `MALFORMED` names."""
    terms = ChallengeTerms(ChallengePurpose.ADD, staff_id, cookie)
    challenge = parse_client_data_json(registration.response.client_data_json).challenge
    if read_challenge(context.installation.secret_box, terms, challenge, context.at) is None:
        raise ValueError("no challenge of this session")
    verified = verify_registration_response(
        credential=registration,
        expected_challenge=challenge,
        expected_rp_id=site.rp_id,
        expected_origin=site.origin,
        require_user_verification=True,
    )
    if len(verified.credential_id) > LONGEST_ID or len(verified.credential_public_key) > LONGEST_KEY:
        raise ValueError("longer than any authenticator's")
    return verified


def _list_transports(registration: RegistrationCredential) -> str:
    """By which ways the authenticator says that it is reached."""
    return " ".join(sorted({transport.value for transport in registration.response.transports or ()}))
