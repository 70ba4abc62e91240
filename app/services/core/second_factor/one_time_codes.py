"""The second factor of staff: codes of an authenticator app, which only move forward, and recovery codes.

A recovery code stands in once for the app. It is all digits, so that every keyboard types it; with the limits
on guesses that is enough, and a stolen database holds only digests under the installation's key.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyotp
import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.domain.records.audit import AuditEvent
from app.domain.typed_text import narrow_text
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.staff import RecoveryCode, Staff, UsedCode
from app.storage.unit_of_work import UnitOfWork

STEP_SECONDS = 30
RECOVERY_CODES = 10
RECOVERY_DIGITS = 12
_DRIFT = (0, -1, 1)
"""Steps by which a telephone's clock may differ from ours."""


@dataclass(frozen=True, slots=True)
class RecognisedCode:
    """A right code that may have been used before: the time step of the app's, or a recovery code's row."""

    step: int | None = None
    recovery_id: int | None = None


def find_step(secret: str, code: str, at: datetime) -> int | None:
    """The time step of which this is the code, within one step of now; None for a wrong code."""
    typed = _plain(code)
    current = step_at(at)
    generator = pyotp.TOTP(secret, interval=STEP_SECONDS)
    for drift in _DRIFT:
        if hmac.compare_digest(generator.generate_otp(current + drift).encode(), typed.encode()):
            return current + drift
    return None


def step_at(at: datetime) -> int:
    """The number of the time step that a moment lies in."""
    return int(at.timestamp()) // STEP_SECONDS


def recognise_code(
    installation: Installation, staff: Staff, code: str, at: datetime
) -> RecognisedCode | None:
    """Recognise a code of this account's app or one of its recovery codes; None for a wrong one.

    An account without a second factor, which is to set up a new one, has no right code.
    """
    typed = _plain(code)
    if not staff.totp_sealed:
        return None
    if len(typed) != RECOVERY_DIGITS:
        step = find_step(installation.secret_box.decrypt(staff.totp_sealed), typed, at)
        return None if step is None else RecognisedCode(step=step)
    digest = _digest(installation.secret_box, staff.id, typed)
    with installation.read() as session:
        row = session.exec(_unused(staff.id).where(RecoveryCode.code_hash == digest)).first()
        return None if row is None else RecognisedCode(recovery_id=row.id)


def spend_code(work: UnitOfWork, staff_id: int, code: RecognisedCode) -> bool:
    """Use up a code; False if it, or a newer one of the app, was used before.

    The caller holds the lock of the installation's chain, so that two tries of one code wait in line.
    """
    if code.step is not None:
        if _is_step_used(work.session, staff_id, code.step, work.at):
            return False
        work.session.add(UsedCode(staff_id=staff_id, step=code.step))
        return True
    row = work.session.get_one(RecoveryCode, code.recovery_id)
    if row.used_at is not None or row.replaced_at is not None:
        return False
    row.used_at = work.at
    work.record(AuditEvent.RECOVERY_CODE_USED, INSTALLATION_CHAIN)
    return True


def make_recovery_codes(work: UnitOfWork, box: SecretBox, staff_id: int) -> Sequence[str]:
    """Make new recovery codes in place of all earlier ones; they can be shown only now."""
    void_recovery_codes(work, staff_id)
    codes = [f"{secrets.randbelow(10**RECOVERY_DIGITS):0{RECOVERY_DIGITS}d}" for _ in range(RECOVERY_CODES)]
    work.session.add_all(
        RecoveryCode(staff_id=staff_id, code_hash=_digest(box, staff_id, code), issued_at=work.at)
        for code in codes
    )
    return [" ".join(code[at : at + 4] for at in range(0, RECOVERY_DIGITS, 4)) for code in codes]


def void_recovery_codes(work: UnitOfWork, staff_id: int) -> None:
    """Void every recovery code of an account."""
    for row in work.session.exec(_unused(staff_id)):
        row.replaced_at = work.at


def count_recovery_codes(session: Session, staff_id: int) -> int:
    """How many recovery codes an account can still use."""
    return len(session.exec(_unused(staff_id)).all())


def _unused(staff_id: int) -> SelectOfScalar[RecoveryCode]:
    return select(RecoveryCode).where(
        RecoveryCode.staff_id == staff_id,
        col(RecoveryCode.used_at).is_(None),
        col(RecoveryCode.replaced_at).is_(None),
    )


def _is_step_used(session: Session, staff_id: int, step: int, at: datetime) -> bool:
    """Whether the code of this step or of a later one was accepted.

    A step beyond what a telephone may be ahead was used while our own clock was ahead. It spends its own
    code and no other, or nobody could sign in until then.
    """
    ahead = step_at(at) + max(_DRIFT)
    used = sa.select(sa.func.max(col(UsedCode.step))).where(
        col(UsedCode.staff_id) == staff_id, col(UsedCode.step) <= ahead
    )
    newest: int | None = session.connection().execute(used).scalar()
    return newest is not None and step <= newest


def _digest(box: SecretBox, staff_id: int, code: str) -> str:
    return box.keyed_fingerprint(code, f"recovery:{staff_id}")


def _plain(code: str) -> str:
    """A code without blanks and hyphens."""
    return "".join(narrow_text(code).replace("-", "").split())
