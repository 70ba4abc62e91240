"""What members of staff change of their own account: password and recovery codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import password_spellings
from app.services.core.context import StaffContext
from app.services.core.identifiers import token_digest
from app.services.core.second_factor.one_time_codes import count_recovery_codes, make_recovery_codes
from app.services.people.own_proof import OwnProof, check_proof, prove_oneself, spend_proof
from app.services.setup.passwords import check_chosen_password, check_new_password
from app.services.setup.staff_duties import end_sessions
from app.storage.queries.staff import list_grant_rows
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import Staff
from app.storage.tables.studies import Site, Study


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
        rows = list_grant_rows(session, staff_id, context.grant_rules)
        studies = {row.id: row.code for row in session.exec(select(Study))}
        site_ids = [row.site_id for row in rows if row.site_id is not None]
        sites = {row.id: row.code for row in session.exec(select(Site).where(col(Site.id).in_(site_ids)))}
        grants = [
            OwnGrant(
                row.role.value,
                studies[row.study_id],
                "" if row.site_id is None else sites[row.site_id],
                row.ends_on,
            )
            for row in rows
        ]
        codes = count_recovery_codes(session, staff_id)
        return OwnAccount(staff.email, staff.name, staff.created_at, codes, grants)


def check_own_password(context: StaffContext, staff_id: int, proof: OwnProof, new: str, again: str) -> None:
    """Every field of the form by itself, before anything is tried.

    Raises Refused: "same_password", or as `check_proof` and `check_chosen_password`.
    """
    with context.read() as session:
        email = session.get_one(Staff, staff_id).email
    check_all(
        lambda: check_proof(proof),
        lambda: check_chosen_password(new, again, email),
        lambda: _check_other(proof, new),
    )


def _check_other(proof: OwnProof, new: str) -> None:
    if password_spellings(new)[0] in password_spellings(proof.password):
        raise Refused("same_password", field="password_new")


def change_own_password(
    context: StaffContext, staff_id: int, proof: OwnProof, new: str, cookie: str | None
) -> None:
    """Change one's own password with the old one and the second factor; every other browser is signed out.

    Raises Refused: "same_password", or as `prove_oneself` and `check_new_password`.
    """
    composed = password_spellings(new)[0]
    with context.read() as session:
        staff = session.get_one(Staff, staff_id)
    check_new_password(composed, staff.email)
    _check_other(proof, new)
    box = context.installation.secret_box
    factor = prove_oneself(context, staff, proof)
    hashed = box.passwords.hash(composed)
    with context.unit_of_work() as work:
        spend_proof(work, staff, factor)
        work.session.get_one(Staff, staff_id).password_hash = hashed
        end_sessions(work, staff_id, spared=token_digest(cookie or ""))
        work.record(AuditEvent.STAFF_PASSWORD_CHANGED, INSTALLATION_CHAIN)


def renew_recovery_codes(context: StaffContext, staff_id: int, proof: OwnProof) -> Sequence[str]:
    """Make one's own recovery codes anew; returns them, this once. Raises as `prove_oneself`."""
    with context.read() as session:
        staff = session.get_one(Staff, staff_id)
    factor = prove_oneself(context, staff, proof)
    with context.unit_of_work() as work:
        spend_proof(work, staff, factor)
        codes = make_recovery_codes(work, context.installation.secret_box, staff_id)
        work.record(AuditEvent.RECOVERY_CODES_MADE, INSTALLATION_CHAIN)
    return codes
