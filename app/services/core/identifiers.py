"""Random identifiers and digests: public ids, tokens, short codes and how they are stored."""

import binascii
import hashlib
import secrets

from app.domain.typed_text import narrow_text

_CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""What a short code is made of: no 0/O, 1/I/L, which are misread on paper."""


_LETTERS_ALONE = bytes.maketrans(b"+/", b"xy")

RECEIPT_DIGITS = 12

TOKEN_BYTES = 24

CODE_LENGTH = 8
"""Characters of a short code; every other secret is longer."""


def new_public_id() -> str:
    """A name for a record that tells nothing and cannot be guessed (96 bits)."""
    # As `secrets.token_urlsafe`, of whose nine steps a request would take half a hundred.
    return binascii.b2a_base64(secrets.token_bytes(12), newline=False).translate(_LETTERS_ALONE).decode()


def new_receipt() -> str:
    """The number of a form that was sent: digits alone, which can be read out on the telephone.

    So many that the forms of an installation hardly ever draw the same; where two do, the database refuses
    the second, and sending it again draws anew.
    """
    return f"{secrets.randbelow(10**RECEIPT_DIGITS):0{RECEIPT_DIGITS}}"


def normalise_receipt(text: str) -> str:
    """A receipt as it is stored, from what was typed: without the gaps between its groups."""
    return "".join(narrow_text(text).split()).replace("-", "")


def new_token() -> str:
    """A secret for a link, a cookie or an API client (192 bits)."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_short_code() -> str:
    """Eight characters that a person can read from paper and type."""
    return "".join(secrets.choice(_CODE_LETTERS) for _ in range(CODE_LENGTH))


def normalise_code(text: str) -> str:
    """A short code as it was meant: spaces and hyphens gone, upper case."""
    return "".join(text.split()).replace("-", "").upper()


def token_digest(secret: str) -> str:
    """How a token or code is stored; they are long or short-lived, so a plain digest is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
