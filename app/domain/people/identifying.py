"""Words that seem to say who somebody is: they would stand in the trail, which cannot be emptied."""

import re

from app.domain.typed_text import narrow_text

_IDENTIFYING = re.compile("[0-9](?:[ -]*[0-9]){6,}|[^ ]@[^ ]")
"""What looks like a telephone, a number of an identity card, or an e-mail address."""
_HARMLESS = re.compile("(?<![0-9-])(?:20[0-9]{2}-[01]?[0-9]-[0-3]?[0-9]|[0-9]{2,4}-[0-9]{1,3})(?![0-9-])")
"""A day as computers write it, and a code of site and participant: no telephone ends in three digits."""


def names_somebody(words: str) -> bool:
    """Whether words seem to hold a telephone, a card's number or an e-mail address."""
    return _IDENTIFYING.search(_HARMLESS.sub("one", narrow_text(words))) is not None
