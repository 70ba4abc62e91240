"""What must not be readable in a stolen database: addresses, second factors, PINs, birth dates, passwords."""

import hmac
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken

from app.domain.refusal import Refused
from app.services.core.hashing import HashCost, SecretHasher


@dataclass(frozen=True, slots=True)
class SecretBox:
    """Encrypts with the installation's key (Fernet), and hashes secrets that people remember.

    `passwords` of staff and `pins` of participants are hashed apart: neither waits for the other.
    """

    key: bytes = field(repr=False)
    cost: HashCost = field(default_factory=HashCost)
    passwords: SecretHasher = field(init=False, repr=False)
    pins: SecretHasher = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for kind in ("passwords", "pins"):
            object.__setattr__(self, kind, SecretHasher(self.cost))

    def encrypt(self, text: str) -> str:
        """The text, encrypted and authenticated."""
        return Fernet(self.key).encrypt(text.encode()).decode()

    def decrypt(self, sealed: str) -> str:
        """The text again; raises Refused("wrong_key") when the installation's key is another one."""
        try:
            return Fernet(self.key).decrypt(sealed.encode()).decode()
        except InvalidToken as wrong:
            raise Refused("wrong_key") from wrong

    def keyed_digest(self, purpose: str, text: str) -> bytes:
        """A digest that only who holds the installation's key can make (HMAC-SHA-256)."""
        return hmac.digest(self.key, f"{purpose}:{text}".encode(), "sha256")

    def keyed_fingerprint(self, text: str, salt: str) -> str:
        """A keyed digest of what is too easily guessed for a plain one (HMAC-SHA256, a key of its own)."""
        key = hmac.digest(self.key, b"daybook: fingerprints", "sha256")
        return hmac.digest(key, f"{salt}:{text}".encode(), "sha256").hex()
