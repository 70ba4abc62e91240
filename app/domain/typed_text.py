"""What people type, read alike by every face: codes and numbers, days, their own words, passwords.

Codes, numbers, dates, one-time codes, e-mail addresses, telephones and searches are read as a Latin keyboard
would have written them. Words are kept as they were typed. What programs send, and what stands in an address,
is read by neither: it is strict, and refused where it is not as published.
"""

import re
import unicodedata
from datetime import date

from app.domain.refusal import Refused

EARLIEST_DAY, LATEST_DAY = date(1900, 1, 1), date(2199, 12, 31)
"""No fact of a trial lies outside of these days, and no calculation with one inside them overflows."""

_DECIMAL_MARKS = re.compile("[,。]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\u30fc]+")
"""What keyboards and word processors write for a hyphen; the Chinese one writes two signs for one key."""
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs that are drawn as nothing."""
_BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What every browser's `trim` takes away (ECMAScript). Python's own `strip` knows other signs."""


def narrow_text(typed: str) -> str:
    """The text as a Latin keyboard would have written it (NFKC, dashes as hyphens), without what nobody sees
    and spaces around.

    For codes, numbers and dates; nobody's own words are changed.
    """
    return _DASHES.sub("-", _INVISIBLE.sub("", unicodedata.normalize("NFKC", typed))).strip()


def fold_code(typed: str) -> str:
    """A code as it is looked up: neither capitals, nor width, nor a blank for a hyphen are a difference."""
    return "-".join(narrow_text(typed).lower().split())


def trim_text(typed: str) -> str:
    """The text without blanks at its ends, exactly as the phone sees them."""
    return typed.strip(_BLANKS)


def trim_words(typed: str) -> str:
    """People's own words without blanks at their ends; nothing where nobody would see any of them."""
    return trim_text(typed) if any(map(_is_seen, typed)) else ""


def narrow_number(typed: str) -> str:
    """A typed number as the phone reads it too; whatever the keyboard has for a decimal mark is a point."""
    return trim_text(_DECIMAL_MARKS.sub(".", unicodedata.normalize("NFKC", typed)))


def narrow_address(typed: str) -> str:
    """An e-mail address as it is looked up: capitals are no difference."""
    return narrow_text(typed).lower()


def password_spellings(typed: str) -> tuple[str, ...]:
    """A password as keyboards compose it (NFC), then as it was typed where that is something else.

    Passwords were hashed as typed before they were hashed composed, and those hashes still count.
    """
    return tuple(dict.fromkeys((unicodedata.normalize("NFC", typed), typed)))


def is_writable(text: str, *, lines: bool = True) -> bool:
    """Whether it can be stored and exported: no control characters and no lone surrogates.

    Tabs and line ends are none in words (`lines`), and are in a code.
    """
    return all(_is_writable_sign(sign, lines) for sign in text if not " " <= sign <= "~")


def drop_unwritable(text: str) -> str:
    """The text without what `is_writable` refuses in words."""
    return "".join(sign for sign in text if " " <= sign <= "~" or _is_writable_sign(sign, lines=True))


def parse_day(typed: str, field: str) -> date:
    """A typed day. Raises Refused: "bad_date", "impossible_date", both naming the field."""
    try:
        day = date.fromisoformat(narrow_text(typed))
    except ValueError as bad:
        raise Refused("bad_date", field=field, allowed="YYYY-MM-DD") from bad
    return check_day(day, field)


def check_day(day: date, field: str) -> date:
    """The day, when it can be one of a trial; Refused("impossible_date") otherwise."""
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise Refused("impossible_date", field=field, earliest=EARLIEST_DAY, latest=LATEST_DAY)
    return day


def _is_seen(sign: str) -> bool:
    """Whether a sign is drawn by itself: a letter, number, mark or picture, and no filler."""
    return unicodedata.category(sign)[0] in "LNPS" and sign not in _FILLERS


def _is_writable_sign(sign: str, lines: bool) -> bool:
    return (lines and sign in "\r\n\t") or unicodedata.category(sign) not in ("Cc", "Cs")
