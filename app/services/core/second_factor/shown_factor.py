"""Whatever staff show as their second factor: a code that they typed, or what their passkey signed."""

from datetime import datetime
from typing import TypeAlias

from app.domain.refusal import Refused
from app.services.core.installation import Installation
from app.services.core.second_factor.one_time_codes import RecognisedCode, recognise_code, spend_code
from app.services.core.second_factor.passkeys import (
    PasskeyUse,
    SignedChallenge,
    recognise_passkey,
    spend_passkey,
)
from app.storage.tables.staff import Staff
from app.storage.unit_of_work import UnitOfWork

ShownFactor: TypeAlias = str | SignedChallenge
RecognisedFactor: TypeAlias = RecognisedCode | PasskeyUse


def recognise_factor(
    installation: Installation, staff: Staff, shown: ShownFactor, at: datetime
) -> RecognisedFactor | None:
    """Recognise what this account can show; None for what is wrong. It may have been used before."""
    if isinstance(shown, SignedChallenge):
        return recognise_passkey(installation, staff, shown, at)
    return recognise_code(installation, staff, shown, at)


def spend_factor(work: UnitOfWork, staff_id: int, recognised: RecognisedFactor) -> bool:
    """Use up what was recognised; False if it was used before. The caller holds the installation's lock."""
    if isinstance(recognised, PasskeyUse):
        return spend_passkey(work, recognised)
    return spend_code(work, staff_id, recognised)


def refuse_factor(shown: ShownFactor, field: str = "") -> Refused:
    """The refusal of what was shown: "wrong_code" or "wrong_passkey", naming the field of the code."""
    code = "wrong_passkey" if isinstance(shown, SignedChallenge) else "wrong_code"
    return Refused(code, field=field) if field else Refused(code)


def name_factor(shown: ShownFactor) -> str:
    """How the trail names what was shown wrongly."""
    return "passkey" if isinstance(shown, SignedChallenge) else "code"
