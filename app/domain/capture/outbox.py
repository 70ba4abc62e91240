"""The offline outbox: what a phone stores of an answer until the server has taken it (OFF-02, OFF-03).

An item stands there as a token that means something only together with the server's key for this very
form; a checksum over the record shows whether somebody changed it since.
"""

import hashlib
import string
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.domain.capture.answers import SubmittedAnswer
from app.domain.instruments.responses import AnswerValue
from app.domain.refusal import Refused

TOKENS = string.digits + string.ascii_letters + "".join(map(chr, range(0x100, 0x17F)))
"""Letters and digits, then more letters for a questionnaire of more than 62 items."""

_MODULUS = 4_294_967_291
_LETTERS = 62
_FURTHEST = 2**31 - 1


def item_tokens(items: int, key: bytes) -> str:
    """One token for each item of a form, in the items' order; "" when there are more items than tokens."""
    if items > len(TOKENS):
        return ""
    alphabet = TOKENS[:_LETTERS] if items <= _LETTERS else TOKENS
    chance = hashlib.shake_256(key).digest(4 * len(alphabet))
    order = sorted(range(len(alphabet)), key=lambda index: (chance[4 * index : 4 * index + 4], index))
    return "".join(alphabet[index] for index in order[:items])


def item_of_token(token: str, tokens: str, codes: Sequence[str]) -> str:
    """The item that a token stands for; without tokens, its code itself. Raises Refused("unknown_item")."""
    if not tokens:
        return token
    index = tokens.find(token) if len(token) == 1 else -1
    if index < 0:
        raise Refused("unknown_item", item="?", allowed="the signs of this form")
    return codes[index]


def record_checksum(tokens: str, client: str, token: str, answer: SubmittedAnswer) -> int:
    """The record's checksum as the runner makes it: numbers and marks only, no secret in itself."""
    at = answer.device_at.isoformat(timespec="milliseconds") if answer.device_at else ""
    parts = (client, answer.seq, answer.base, token, _format_answer(answer.value), at)
    text = tokens + ",".join(map(str, parts))
    total = 7
    for unit in _units(text):
        total = (total * 31 + unit) % _MODULUS
    return total


def checksum_matches(tokens: str, client: str, token: str, answer: SubmittedAnswer) -> bool:
    """Whether an answer that was captured offline is as the runner wrote it."""
    return not answer.offline or answer.checksum == record_checksum(tokens, client, token, answer)


def capture_instant(device_at: datetime | None, skew: int | None) -> datetime | None:
    """When something was captured, by the server's clock: the device's time, moved by its skew (TIM-02)."""
    if device_at is None or skew is None:
        return device_at
    return device_at + timedelta(seconds=skew)


def credible_capture(device_at: datetime | None, skew: int | None, offline: bool) -> datetime | None:
    """When something was captured, if more than the device's clock says so (TIM-05).

    What could be sent at once was captured when it arrived: only the mark of the outbox, which could not
    send it, lets an earlier time of the device count.
    """
    return capture_instant(device_at, skew) if offline else None


def clock_skew(phone_clock: datetime | None, received_at: datetime) -> int | None:
    """By how many seconds the server's clock was ahead of the device's, which sent at `phone_clock`.

    A clock that is wrong by more than 68 years counts as wrong by 68.
    """
    if phone_clock is None:
        return None
    return max(-_FURTHEST, min(_FURTHEST, round((received_at - phone_clock).total_seconds())))


def is_gapless(seqs: Sequence[int], known: frozenset[int]) -> bool:
    """Whether nothing is missing before or between these numbers of one client's events."""
    return all(number == 1 or number - 1 in known or number - 1 in seqs for number in seqs)


def _format_answer(value: AnswerValue) -> str:
    return "" if value is None else str(value)


def _units(text: str) -> memoryview:
    """UTF-16 code units, which is what a browser counts a text in."""
    return memoryview(text.encode("utf-16-le")).cast("H")
