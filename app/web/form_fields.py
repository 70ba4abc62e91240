"""Fields as people type them, at the desk and on the phone: numbers, days, a birth date in three boxes."""

from collections.abc import Mapping
from datetime import date

from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text

BIRTH_FIELDS = ("birth_year", "birth_month", "birth_day")


def read_field(fields: Mapping[str, str], name: str) -> str:
    """A field without spaces at its ends; full-width digits, as some keyboards make them, are digits."""
    return narrow_text(fields.get(name, ""))


def parse_day(text: str, field: str) -> date:
    """A typed date; Refused("bad_date") naming the field."""
    try:
        return date.fromisoformat(narrow_text(text))
    except ValueError as bad:
        raise Refused("bad_date", field=field, allowed="YYYY-MM-DD") from bad


def read_birth_date(fields: Mapping[str, str]) -> date | None:
    """The date in the boxes, None when all are empty; a year has four digits.

    Raises Refused("bad_birth_date") for what is no date at all.
    """
    year, month, day = (read_field(fields, name) for name in BIRTH_FIELDS)
    if not (year or month or day):
        return None
    try:
        return date.fromisoformat(f"{year}-{month:0>2}-{day:0>2}")
    except ValueError as bad:
        raise Refused("bad_birth_date", field="born_on") from bad
