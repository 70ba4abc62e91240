"""What people type for the second check, whichever the plan asks: a PIN, a birth date, or just Continue."""

import unicodedata
from collections.abc import Mapping
from datetime import date

from app.domain.refusal import Refused

_PARTS = ("birth_year", "birth_month", "birth_day")
ANSWER_FIELDS = frozenset({"pin", "check", *_PARTS})
"""Fields of the second check itself; no other form may have one of these names."""

CHECK_FIELDS = ANSWER_FIELDS | {"pin_now", "pin_new", "pin_again"}
"""Fields that are never carried on from page to page."""


def answered(fields: Mapping[str, str]) -> bool:
    """Whether the form brought an answer to the second check."""
    return not ANSWER_FIELDS.isdisjoint(fields)


def answer_of(fields: Mapping[str, str]) -> str:
    """The answer as the use cases take it: PIN, YYYY-MM-DD, or "".

    Raises Refused("bad_birth_date") for what is no date at all; that is a slip and counts as no try.
    """
    if "pin" in fields:
        return typed(fields, "pin")
    if any(name in fields for name in _PARTS):
        return birth_date_of(fields).isoformat()
    return ""


def birth_date_of(fields: Mapping[str, str]) -> date:
    """The date in the three boxes; a year has four digits. Raises Refused("bad_birth_date")."""
    year, month, day = (typed(fields, name) for name in _PARTS)
    try:
        return date.fromisoformat(f"{year}-{month:0>2}-{day:0>2}")
    except ValueError as bad:
        raise Refused("bad_birth_date", field="birth") from bad


def typed(fields: Mapping[str, str], name: str) -> str:
    """A field without spaces at its ends; full-width digits, as some keyboards make them, are digits."""
    return unicodedata.normalize("NFKC", fields.get(name, "")).strip()
