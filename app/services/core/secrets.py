"""What must not be readable in a stolen database: addresses, second factors, PINs, birth dates, passwords."""

import hmac
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from cryptography.fernet import Fernet, InvalidToken

from app.domain.refusal import Refused


@dataclass(frozen=True, slots=True)
class HashCost:
    """How dear one guess at a PIN or password is: passes, KiB of memory, lanes (Argon2id)."""

    passes: int = 3
    memory_kib: int = 65536
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class SecretBox:
    """Encrypts with the installation's key (Fernet), and hashes secrets that people remember."""

    key: bytes = field(repr=False)
    cost: HashCost = field(default_factory=HashCost)

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

    def hash(self, secret: str) -> str:
        """A memory-hard hash of a PIN or password."""
        return self._hasher().hash(secret)

    def matches(self, stored: str | None, secret: str) -> bool:
        """Whether the secret is the one; takes as long when there is none to compare with (SEC-07)."""
        hasher = self._hasher()
        if stored is None:
            hasher.hash(secret)
            return False
        try:
            return hasher.verify(stored, secret)
        except (VerifyMismatchError, InvalidHashError):
            return False

    def keyed_fingerprint(self, text: str, salt: str) -> str:
        """A keyed digest of what is too easily guessed for a plain one (HMAC-SHA256, a key of its own)."""
        key = hmac.digest(self.key, b"daybook: fingerprints", "sha256")
        return hmac.digest(key, f"{salt}:{text}".encode(), "sha256").hex()

    def _hasher(self) -> PasswordHasher:
        return PasswordHasher(
            time_cost=self.cost.passes, memory_cost=self.cost.memory_kib, parallelism=self.cost.lanes
        )
