"""What people type, before it is read: full-width letters, digits and signs are the narrow ones."""

import unicodedata


def narrow_text(typed: str) -> str:
    """The text as a Latin keyboard would have written it (NFKC), without spaces at its ends.

    For codes, numbers and dates; nobody's own words are changed.
    """
    return unicodedata.normalize("NFKC", typed).strip()
