"""What people type for the second check, whichever the plan asks: a PIN, a birth date, or just Continue."""

from collections.abc import Mapping

from app.domain.refusal import Refused
from app.web.form_fields import BIRTH_FIELDS, read_birth_date, read_field

ANSWER_FIELDS = frozenset({"pin", "check", *BIRTH_FIELDS})
"""Fields of the second check itself; no other form may have one of these names."""

CHECK_FIELDS = ANSWER_FIELDS | {"pin_now", "pin_new", "pin_again"}
"""Fields that are never carried on from page to page."""


def has_check_answer(fields: Mapping[str, str]) -> bool:
    """Whether the form brought an answer to the second check."""
    return not ANSWER_FIELDS.isdisjoint(fields)


def read_check_answer(fields: Mapping[str, str]) -> str:
    """The answer as the use cases take it: PIN, YYYY-MM-DD, or "".

    Raises Refused("bad_birth_date") for what is no date at all; that is a slip and counts as no try.
    """
    if not any(name in fields for name in BIRTH_FIELDS):
        return read_field(fields, "pin")
    born_on = read_birth_date(fields)
    if born_on is None:
        raise Refused("bad_birth_date", field="born_on")
    return born_on.isoformat()
