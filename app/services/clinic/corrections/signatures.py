"""Signing at the desk: password and second factor once more, in the transaction of what is signed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.typed_text import password_spellings
from app.services.accounts.known_browsers import find_known_browser
from app.services.accounts.staff_session import stands_unchanged
from app.services.core.context import StaffContext
from app.services.core.second_factor.shown_factor import (
    RecognisedFactor,
    ShownFactor,
    name_factor,
    recognise_factor,
    refuse_factor,
    spend_factor,
)
from app.services.core.throttling import check_guess, staff_limits
from app.storage.queries.staff import list_grants
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import Staff
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SigningStaff:
    """Who signs, with what they showed for it; `source` and `proofs` say from where, as at sign-in."""

    staff_id: int
    password: str
    shown: ShownFactor
    source: str
    proofs: str = ""


class _OnlyChecked(Exception):
    """The transaction was opened to see whether its page may still act; it is given up."""


class _UsedFactor(Exception):
    """What was shown was used before; the transaction is given up."""


def sign_act(
    context: StaffContext, signer: SigningStaff, chain: str, act: Callable[[UnitOfWork], None]
) -> None:
    """Check who signs, then do the act in the transaction that uses up their second factor.

    `chain` is that of the participant whom the act is about; it is locked first, as everywhere.

    Raises Refused: "throttled" and "sign_in_busy" as at sign-in, "wrong_password", "wrong_code" or
    "wrong_passkey", and whatever the act raises, which uses nothing up; "not_signed_in" when the account, or
    the roles with which this page was opened, changed since.
    """
    installation = context.installation
    _check_page(context)
    with installation.read() as session:
        staff = session.get_one(Staff, signer.staff_id)
    known = find_known_browser(installation.secret_box, signer.proofs, staff.email, context.at)

    def knows_password() -> bool:
        passwords = installation.secret_box.passwords
        spellings = password_spellings(signer.password)
        fits = [passwords.matches(staff.password_hash, spelling, known is not None) for spelling in spellings]
        return any(fits)

    limits = staff_limits("staff", staff.email, signer.source, known)
    if not check_guess(installation, limits, context.at, knows_password):
        _record_refusal(context, "password")
        raise Refused("wrong_password", field="password")

    def acts() -> bool:
        factor = recognise_factor(installation, staff, signer.shown, context.at)
        return factor is not None and _act_once(context, staff, chain, factor, act)

    limits = staff_limits("code", staff.email, signer.source, known)
    if not check_guess(installation, limits, context.at, acts):
        _record_refusal(context, name_factor(signer.shown))
        raise refuse_factor(signer.shown, "one_time_code")


def _check_page(context: StaffContext) -> None:
    """Refuse an act of an outdated page before a password is tried for it."""
    if context.act is not None:
        with suppress(_OnlyChecked), context.unit_of_work():
            raise _OnlyChecked


def _act_once(
    context: StaffContext,
    staff: Staff,
    chain: str,
    factor: RecognisedFactor,
    act: Callable[[UnitOfWork], None],
) -> bool:
    """Do the act and use up the factor with it; False, and nothing done, if it was used before."""
    try:
        with context.unit_of_work() as work:
            # Two tries of one code wait in line here, so that one finds the other's.
            work.lock(chain)
            granted = list_grants(work.session, staff.id, context.grant_rules)
            if not stands_unchanged(work, staff) or set(context.actor.grants) - set(granted):
                raise Refused("not_signed_in")
            if not spend_factor(work, staff.id, factor):
                raise _UsedFactor
            act(work)
    except _UsedFactor:
        return False
    return True


def _record_refusal(context: StaffContext, factor: str) -> None:
    with context.installation.open_work(context.actor, context.at) as work:
        work.record(AuditEvent.SIGNATURE_REFUSED, INSTALLATION_CHAIN, reason=factor)
