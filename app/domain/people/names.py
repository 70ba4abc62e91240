"""How names, telephones, hours and codes of sites and staff may be written, at the desk and by commands."""

import re
import unicodedata

from app.domain.refusal import Refused
from app.domain.typed_text import is_writable, narrow_address, narrow_text, trim_words

MOST_NAME = 80
"""Characters of a name; more break the line of a telephone twice."""
MOST_HOURS = 40
MOST_NOTE = 400
MOST_CODE = 20
MOST_SUBJECT = 40
FEWEST_DIGITS, MOST_DIGITS = 3, 15
"""Digits of a telephone: emergency numbers have three, and no number of the world more than fifteen."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PHONE = re.compile(r"\+?[0-9][0-9 -]*")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)*")
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the direction of the words around it (the bidirectional controls of Unicode)."""


def parse_name(typed: str, field: str) -> str:
    """A name of a person or a hospital, composed, with single blanks.

    Raises Refused, each naming the field: "name_needed", "text_too_long", "hidden_signs".
    """
    name = _check_line(typed, field, MOST_NAME)
    if not name:
        raise Refused("name_needed", field=field)
    return name


def parse_hours(typed: str, field: str) -> str:
    """Hours in words, which may be left out. Raises Refused: "text_too_long", "hidden_signs"."""
    return _check_line(typed, field, MOST_HOURS)


def parse_code(typed: str, field: str) -> str:
    """A code that stands in addresses and files. Raises Refused("bad_code") naming the field."""
    code = narrow_text(typed)
    if len(code) > MOST_CODE or _CODE.fullmatch(code) is None:
        raise Refused("bad_code", field=field, most=MOST_CODE)
    return code


def is_plain_subject(code: str) -> bool:
    """Whether every file can hold a participant's code, whatever a study's pattern allows.

    Transport files are ASCII and have columns of one width.
    """
    return len(code) <= MOST_SUBJECT and code.isascii() and code.isprintable()


def parse_phone(typed: str, field: str) -> str:
    """A telephone that `tel:` takes: digits, blanks and hyphens, and a plus before them.

    Raises Refused("bad_phone") naming the field.
    """
    phone = " ".join(narrow_text(typed).split())
    digits = sum(sign.isdigit() for sign in phone)
    if _PHONE.fullmatch(phone) is None or not FEWEST_DIGITS <= digits <= MOST_DIGITS:
        raise Refused("bad_phone", field=field, fewest=FEWEST_DIGITS, most=MOST_DIGITS)
    return phone


def parse_optional_phone(typed: str, field: str) -> str | None:
    """A telephone that may be left out; raises as `parse_phone`."""
    return parse_phone(typed, field) if narrow_text(typed) else None


def parse_mail_address(typed: str, field: str) -> str:
    """An e-mail address as it is looked up. Raises Refused("bad_email") naming the field."""
    address = narrow_address(typed)
    if len(address) > 200 or _ADDRESS.fullmatch(address) is None:
        raise Refused("bad_email", field=field)
    return address


def require_reason(typed: str) -> None:
    """Refuse an act of which nobody says why: Refused("reason_needed"). Any words to be seen will do."""
    if not trim_words(typed):
        raise Refused("reason_needed", field="reason")


def parse_reason(typed: str, field: str = "reason") -> str:
    """Why something is done. Raises Refused: "reason_needed", "text_too_long", "hidden_signs"."""
    reason = _check_line(typed, field, MOST_NOTE)
    if not reason:
        raise Refused("reason_needed", field=field)
    return reason


def parse_purpose(typed: str) -> str:
    """What data are made or exported for. Raises Refused: "purpose_needed", or as `parse_reason`."""
    purpose = _check_line(typed, "purpose", MOST_NOTE)
    if not purpose:
        raise Refused("purpose_needed", field="purpose")
    return purpose


def parse_notes(typed: str, field: str) -> str:
    """What somebody notes of what they looked at. Raises Refused: "notes_needed", or as `parse_reason`."""
    notes = _check_line(typed, field, MOST_NOTE)
    if not notes:
        raise Refused("notes_needed", field=field)
    return notes


def _check_line(typed: str, field: str, most: int) -> str:
    text = " ".join(unicodedata.normalize("NFC", trim_words(typed)).split())
    if not is_writable(text, lines=False) or not _DIRECTIONS.isdisjoint(text):
        raise Refused("hidden_signs", field=field)
    if len(text) > most:
        raise Refused("text_too_long", field=field, most=most)
    return text
