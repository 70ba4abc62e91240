"""Stateless challenges for passkeys: each states when it was made, authenticated by the installation's key.

A challenge is good for one account, one browser session and one purpose, and not for long. That an answer to
it counts once is for who checks the answer: no passkey accepts a challenge older than its last use.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.services.core.identifiers import token_digest
from app.services.core.secrets import SecretBox

CHALLENGE_LIFE = timedelta(minutes=10)
"""How long a challenge may be answered: finding a security key takes a while."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STAMP = 8
"""Bytes of a challenge that say when it was made."""
_PORTS = {"https": 443, "http": 80}
_HERE = "localhost"


@dataclass(frozen=True, slots=True)
class PasskeySite:
    """For which site passkeys are made (the RP ID), and on whose pages they sign (the origin)."""

    rp_id: str
    origin: str


def find_passkey_site(public_url: str) -> PasskeySite | None:
    """The site of an installation's public address; None where browsers allow no passkeys.

    They want a name, and HTTPS unless the name is that of this very machine.
    """
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if _is_number(host) or (parts.scheme != "https" and host != _HERE):
        return None
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return PasskeySite(host, f"{parts.scheme}://{host}{port}")


class ChallengePurpose(StrEnum):
    """What a challenge is made for: to show a passkey, or to add one."""

    SHOW = "show"
    ADD = "add"


@dataclass(frozen=True, slots=True)
class ChallengeTerms:
    """Who may answer a challenge, for what, and in which browser session (its cookie's token)."""

    purpose: ChallengePurpose
    staff_id: int
    session: str


def make_challenge(box: SecretBox, terms: ChallengeTerms, at: datetime) -> bytes:
    """A new challenge under these terms."""
    stamp = ((at - _EPOCH) // _MICROSECOND).to_bytes(_STAMP, "big")
    return stamp + _sign(box, terms, stamp)


def read_challenge(box: SecretBox, terms: ChallengeTerms, challenge: bytes, at: datetime) -> datetime | None:
    """When a challenge was made; None for one that is not ours, under other terms, or too old."""
    stamp, signature = challenge[:_STAMP], challenge[_STAMP:]
    if not hmac.compare_digest(signature, _sign(box, terms, stamp)):
        return None
    made_at = _EPOCH + int.from_bytes(stamp, "big") * _MICROSECOND
    return made_at if made_at <= at <= made_at + CHALLENGE_LIFE else None


def _sign(box: SecretBox, terms: ChallengeTerms, stamp: bytes) -> bytes:
    bound = f"{terms.purpose}.{terms.staff_id}.{token_digest(terms.session)}.{stamp.hex()}"
    return box.keyed_digest("daybook: passkey challenge", bound)


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
