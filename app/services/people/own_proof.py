"""What members of staff show once more before they change what they sign in with."""

from dataclasses import dataclass

from app.domain.refusal import Refused, raise_all
from app.domain.typed_text import password_spellings
from app.services.accounts.staff_session import stands_unchanged
from app.services.core.context import StaffContext
from app.services.core.second_factor.shown_factor import (
    RecognisedFactor,
    ShownFactor,
    recognise_factor,
    refuse_factor,
    spend_factor,
)
from app.services.core.throttling import check_guess, staff_limits
from app.storage.tables.staff import Staff
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class OwnProof:
    """The password in force and a second factor; `source` is from where they came."""

    password: str
    shown: ShownFactor
    source: str


def check_proof(proof: OwnProof) -> None:
    """Refuse a proof that lacks something, before any of it is tried. Raises Refused("proof_needed")."""
    lacking = {"password_now": proof.password, "one_time_code": proof.shown}
    raise_all(Refused("proof_needed", field=name) for name, shown in lacking.items() if not shown)


def prove_oneself(context: StaffContext, staff: Staff, proof: OwnProof) -> RecognisedFactor:
    """Check the password in force and the second factor.

    Raises Refused, naming the field that is wrong: "wrong_password_now", "wrong_code", "wrong_passkey",
    "throttled".
    """
    passwords = context.installation.secret_box.passwords

    def find_proof() -> RecognisedFactor | Refused:
        fits = [
            passwords.matches(staff.password_hash, spelling)
            for spelling in password_spellings(proof.password)
        ]
        if not any(fits):
            return Refused("wrong_password_now", field="password_now")
        factor = recognise_factor(context.installation, staff, proof.shown, context.at)
        return factor or refuse_factor(proof.shown, "code")

    limits = staff_limits("own", staff.email, proof.source, None)
    factor = check_guess(context.installation, limits, context.at, find_proof)
    if isinstance(factor, Refused):
        raise factor
    return factor


def spend_proof(work: UnitOfWork, staff: Staff, factor: RecognisedFactor) -> None:
    """Use up the factor that was checked, for the account that it was checked for.

    Raises Refused: "wrong_code" for one that is used by now, "not_signed_in" for an account that was
    reset or disabled since: nothing of that is undone.
    """
    if not stands_unchanged(work, staff):
        raise Refused("not_signed_in")
    if not spend_factor(work, staff.id, factor):
        raise Refused("wrong_code", field="code")
