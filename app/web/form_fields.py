"""Fields as people type them, at the desk and on the phone: numbers, days, a birth date in three boxes."""

from collections.abc import Mapping
from datetime import date

from starlette.requests import Request

from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text

BIRTH_FIELDS = ("birth_year", "birth_month", "birth_day")
MOST_DIGITS = 9
"""Digits of a record's number in a form: as many as every database takes."""


async def read_posted_fields(request: Request) -> Mapping[str, str]:
    """The fields of a form that is posted; none where nothing is."""
    if request.method != "POST":
        return {}
    async with request.form() as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def read_field(fields: Mapping[str, str], name: str) -> str:
    """A field without spaces at its ends; full-width digits, as some keyboards make them, are digits."""
    return narrow_text(fields.get(name, ""))


def parse_day(text: str, field: str) -> date:
    """A typed date; Refused("bad_date") naming the field."""
    try:
        return date.fromisoformat(narrow_text(text))
    except ValueError as bad:
        raise Refused("bad_date", field=field, allowed="YYYY-MM-DD") from bad


def parse_number(text: str, field: str) -> int:
    """A record's number as a form of ours names it; Refused("bad_field") for what is none."""
    number = narrow_text(text)
    if not (number.isascii() and number.isdigit() and len(number) <= MOST_DIGITS):
        raise Refused("bad_field", field=field, allowed="0-9")
    return int(number)


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
