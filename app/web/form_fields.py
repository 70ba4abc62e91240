"""Fields as people type them, at the desk and on the phone, and the numbers that stand in addresses."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import Form, Path, Query
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from app.domain.records.acts import LONGEST_TEXT
from app.domain.refusal import Refused
from app.domain.typed_text import drop_unwritable, is_writable, narrow_text

BIRTH_FIELDS = ("birth_year", "birth_month", "birth_day")
UNWRITABLE = "control_characters"
"""The kind of fault of a text that cannot be stored."""

_LINES = re.compile("[\\t\\r\\n]+")
_DIGITS = re.compile("[0-9]{1,19}")
_LARGEST = 2**63 - 1


def narrow_code(typed: str) -> str:
    """A code, date or choice as it was meant; a fault of the kind `UNWRITABLE` for control characters."""
    text = narrow_text(typed)
    if not is_writable(text, lines=False):
        raise PydanticCustomError(UNWRITABLE, "must hold no control characters")
    return text


def narrow_act_code(typed: str) -> str:
    """The code in a field of an act, without the control characters for which the act itself is refused.

    Line ends and tabs, which no box for a code takes, are spaces.
    """
    return narrow_text(_LINES.sub(" ", drop_unwritable(typed)))


def find_unwritable_fields(fields: Mapping[str, str]) -> tuple[str, ...]:
    """The fields among these whose text cannot be stored."""
    return tuple(name for name, typed in fields.items() if not is_writable(typed))


def find_long_fields(fields: Mapping[str, str]) -> tuple[str, ...]:
    """The fields among these whose text is longer than may be stored."""
    return tuple(name for name, typed in fields.items() if len(typed.replace("\r\n", "\n")) > LONGEST_TEXT)


def strict_digits(value: object) -> object:
    """What stands for a number in an address: digits 0 to 9 alone, where others would be converted."""
    if isinstance(value, str) and _DIGITS.fullmatch(value) is None:
        raise ValueError("must be a whole number, written in the digits 0 to 9")
    return value


Narrowed = AfterValidator(narrow_code)
NarrowedAct = AfterValidator(narrow_act_code)
VerbatimAct = AfterValidator(drop_unwritable)
ActCode = Annotated[str, Form(max_length=4_000), NarrowedAct]
ActWords = Annotated[str, Form(max_length=4_000), VerbatimAct]
"""Fields of an act at the desk. What cannot be stored in them, or is too long, refuses the act
(`app/web/acts.py` `read_act`), so that the page of its form says so and keeps all that was typed."""
DayPartField = Annotated[str, Field(max_length=200), VerbatimAct]
"""One of the three boxes of a day, in a form that is a model."""
PasswordField = Annotated[str, Form(max_length=200)]
ShortQuery = Annotated[str, Query(max_length=80)]
"""A code, cursor or choice in the query of an address; `BriefQuery`: one of the shortest."""
BriefQuery = Annotated[str, Query(max_length=40)]
RowNumber = Annotated[int, Path(ge=1, le=_LARGEST), BeforeValidator(strict_digits)]
"""The number of a row in an address."""
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
