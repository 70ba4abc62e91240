"""What members of staff change of their own account: password and recovery codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.typed_text import password_spellings
from app.services.accounts.staff_session import stands_unchanged
from app.services.core.context import StaffContext
from app.services.core.identifiers import token_digest
from app.services.core.one_time_codes import (
    RecognisedCode,
    count_recovery_codes,
    make_recovery_codes,
    recognise_code,
    spend_code,
)
from app.services.core.throttling import check_guess, staff_limits
from app.services.setup.passwords import check_new_password
from app.services.setup.staff_duties import end_sessions
from app.storage.queries.staff import last_day_of, list_grant_rows
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.columns import key_of
from app.storage.tables.staff import Staff
from app.storage.tables.studies import Site, Study
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class OwnGrant:
    """A role of one's own that is in force."""

    role: str
    study: str
    site: str
    ends_on: object


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """One's own account as its owner sees it."""

    email: str
    name: str
    created_at: datetime
    recovery_codes: int
    grants: Sequence[OwnGrant]


def get_own_account(context: StaffContext, staff_id: int) -> OwnAccount:
    """The account of whoever asks."""
    with context.read() as session:
        staff = session.get_one(Staff, staff_id)
        rows = list_grant_rows(session, staff_id, last_day_of(context.at))
        studies = {row.id: row.code for row in session.exec(select(Study))}
        wanted = [row.site_id for row in rows if row.site_id is not None]
        sites = {row.id: row.code for row in session.exec(select(Site).where(col(Site.id).in_(wanted)))}
        grants = [
            OwnGrant(row.role.value, studies[row.study_id], sites.get(row.site_id, ""), row.ends_on)
            for row in rows
        ]
        left = count_recovery_codes(session, staff_id)
        return OwnAccount(staff.email, staff.name, staff.created_at, left, grants)


def change_own_password(
    context: StaffContext, staff_id: int, now: str, new: str, code: str, source: str, cookie: str | None
) -> None:
    """Change one's own password with the old one and the second factor; every other browser is signed out.

    Raises Refused: "wrong_password_now", "wrong_code", "throttled", "same_password", or as
    `check_new_password`.
    """
    composed = password_spellings(new)[0]
    with context.read() as session:
        staff = session.get_one(Staff, staff_id)
    check_new_password(composed, staff.email)
    if composed in password_spellings(now):
        raise Refused("same_password", field="password_new")
    box = context.installation.secret_box
    proof = _prove(context, staff, now, code, source)
    hashed = box.passwords.hash(composed)
    with context.unit_of_work() as work:
        _spend_proof(work, staff, proof)
        work.session.get_one(Staff, staff_id).password_hash = hashed
        end_sessions(work, staff_id, spared=token_digest(cookie or ""))
        work.record(AuditEvent.STAFF_PASSWORD_CHANGED, INSTALLATION_CHAIN)


def renew_recovery_codes(
    context: StaffContext, staff_id: int, now: str, code: str, source: str
) -> Sequence[str]:
    """Make one's own recovery codes anew; returns them, this once. Raises as `change_own_password`."""
    with context.read() as session:
        staff = session.get_one(Staff, staff_id)
    proof = _prove(context, staff, now, code, source)
    with context.unit_of_work() as work:
        _spend_proof(work, staff, proof)
        codes = make_recovery_codes(work, context.installation.secret_box, staff_id)
        work.record(AuditEvent.RECOVERY_CODES_MADE, INSTALLATION_CHAIN)
    return codes


def _spend_proof(work: UnitOfWork, staff: Staff, proof: RecognisedCode) -> None:
    """Use up the code that was checked, for the account that it was checked for.

    Raises Refused: "wrong_code" for a code that is used by now, "not_signed_in" for an account that was
    reset or disabled since: nothing of that is undone.
    """
    if not stands_unchanged(work, staff):
        raise Refused("not_signed_in")
    if not spend_code(work, key_of(staff), proof):
        raise Refused("wrong_code", field="code")


def _prove(context: StaffContext, staff: Staff, password: str, code: str, source: str) -> RecognisedCode:
    """Check the password in force and a code. Raises Refused naming the field that is wrong."""
    passwords = context.installation.secret_box.passwords

    def find_proof() -> RecognisedCode | Refused:
        fits = [passwords.matches(staff.password_hash, each) for each in password_spellings(password)]
        if not any(fits):
            return Refused("wrong_password_now", field="password_now")
        found = recognise_code(context.installation, staff, code, context.at)
        return found or Refused("wrong_code", field="code")

    limits = staff_limits("own", staff.email, source, None)
    proof = check_guess(context.installation, limits, context.at, find_proof)
    if isinstance(proof, Refused):
        raise proof
    return proof
