"""What people type, before it is read: full-width letters, digits and signs are the narrow ones."""

import re
import unicodedata

_DECIMAL_MARKS = re.compile("[,。]")
_BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What every browser's `trim` takes away (ECMAScript). Python's own `strip` knows other signs."""


def narrow_text(typed: str) -> str:
    """The text as a Latin keyboard would have written it (NFKC), without spaces at its ends.

    For codes, numbers and dates; nobody's own words are changed.
    """
    return unicodedata.normalize("NFKC", typed).strip()


def trim_text(typed: str) -> str:
    """The text without blanks at its ends, exactly as the phone sees them."""
    return typed.strip(_BLANKS)


def narrow_number(typed: str) -> str:
    """A typed number as the phone reads it too; whatever the keyboard has for a decimal mark is a point."""
    return trim_text(_DECIMAL_MARKS.sub(".", unicodedata.normalize("NFKC", typed)))
