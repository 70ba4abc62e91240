"""Chance and digests: public ids, tokens, short codes and how they are stored."""

import hashlib
import secrets

_CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""What a short code is made of: no 0/O, 1/I/L, which are misread on paper."""


CODE_LENGTH = 8
"""Characters of a short code; every other secret is longer."""


def new_public_id() -> str:
    """A name for a record that tells nothing and cannot be guessed (96 bits)."""
    return secrets.token_urlsafe(12).replace("-", "x").replace("_", "y")


def new_token() -> str:
    """A secret for a link, a cookie or an API client (192 bits)."""
    return secrets.token_urlsafe(24)


def new_short_code() -> str:
    """Eight characters that a person can read from paper and type."""
    return "".join(secrets.choice(_CODE_LETTERS) for _ in range(CODE_LENGTH))


def normalise_code(text: str) -> str:
    """A short code as it was meant: spaces and hyphens gone, upper case."""
    return "".join(text.split()).replace("-", "").upper()


def token_digest(secret: str) -> str:
    """How a token or code is stored; they are long or short-lived, so a plain digest is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
