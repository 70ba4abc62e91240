"""The second check beside link and cookie: a PIN, the birth date, or none, as the plan says (IAM-10)."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.domain.plans.plan import SecondCheck
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import ParticipantContext
from app.services.core.secrets import SecretBox
from app.services.core.throttling import check_guess, device_limits
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Participant

PIN_DIGITS = 6


@dataclass(frozen=True, slots=True)
class CheckRefusal:
    """The refusal code and the audit event of a wrong answer."""

    code: str
    event: AuditEvent


_REFUSALS: Mapping[SecondCheck, CheckRefusal] = {
    SecondCheck.pin: CheckRefusal("wrong_pin", AuditEvent.PIN_REFUSED),
    SecondCheck.birth_date: CheckRefusal("wrong_birth_date", AuditEvent.BIRTH_DATE_REFUSED),
}
"""How a wrong answer to a check is refused; `none` knows no wrong answer."""


def is_confirmed(
    secret_box: SecretBox, participant: Participant, check: SecondCheck, answer: str, known: bool = False
) -> bool:
    """Whether this answers the check: a PIN, a birth date as YYYY-MM-DD, or anything for `none`.

    `known`: asked by a bound browser. Raises Refused("sign_in_busy").
    """
    if check is SecondCheck.none:
        return True
    if check is SecondCheck.pin:
        return secret_box.pins.matches(participant.pin_hash, answer, known)
    fingerprint = birth_date_fingerprint(secret_box, participant.public_id, answer)
    return hmac.compare_digest(fingerprint, participant.birth_hash or "")


def require_answer(context: ParticipantContext, check: SecondCheck, answer: str) -> None:
    """Let a bound browser go on that answers this check rightly.

    Raises Refused: "throttled", "sign_in_busy", "wrong_pin", "wrong_birth_date"; a wrong answer is counted
    against this browser alone, and recorded.
    """
    if _is_answer_right(context, check, answer):
        return
    refusal, chain = _REFUSALS[check], participant_chain(context.participant.participant_id)
    with context.unit_of_work() as work:
        work.lock(chain)
        work.record(refusal.event, chain)
    raise Refused(refusal.code)


def _is_answer_right(context: ParticipantContext, check: SecondCheck, answer: str) -> bool:
    participant_session, box = context.participant, context.installation.secret_box
    with context.read() as session:
        participant = session.get_one(Participant, participant_session.participant_id)
    return check_guess(
        context.installation,
        device_limits(participant_session.participant_id, participant_session.device_id),
        context.at,
        lambda: is_confirmed(box, participant, check, answer, True),
        context.opened,
    )


def birth_date_fingerprint(secret_box: SecretBox, public_id: str, born_on: str | date) -> str:
    """The stored fingerprint of a birth date: a digest keyed per participant, never the date (PRI-02)."""
    return secret_box.keyed_fingerprint(str(born_on), f"birth-date:{public_id}")


def check_new_pin(pin: str, again: str) -> None:
    """Refuse a PIN that is not six digits, is easy to guess, or was not typed twice alike.

    Raises Refused: "bad_pin", "pins_differ".
    """
    in_a_row = pin in "0123456789" or pin in "9876543210"
    if re.fullmatch(rf"[0-9]{{{PIN_DIGITS}}}", pin) is None or len(set(pin)) == 1 or in_a_row:
        raise Refused("bad_pin", field="pin", allowed=f"{PIN_DIGITS} digits, not all alike or in a row")
    if pin != again:
        raise Refused("pins_differ", field="pin_again")
