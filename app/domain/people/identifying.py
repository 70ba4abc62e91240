"""Words that seem to say who somebody is: they would stand in the trail, which cannot be emptied."""

import re

from app.domain.typed_text import narrow_text

_IDENTIFYING = re.compile("[0-9](?:[ -]*[0-9]){6,}|[^ ]@[^ ]")
"""What looks like a telephone, a number of an identity card, or an e-mail address."""
_DAY = re.compile("(?<![0-9-])20[0-9]{2}-[01]?[0-9]-[0-3]?[0-9](?![0-9-])")
"""A day as computers write it."""
_CODE = re.compile("(?<![0-9-])(?<![0-9] )[0-9]{2,4}-[0-9]{1,3}(?! ?[0-9-])")
"""A code of site and participant, which stands alone: no telephone ends in three digits."""


def names_somebody(words: str) -> bool:
    """Whether words seem to hold a telephone, a card's number or an e-mail address."""
    text = _CODE.sub("code", _DAY.sub("day", narrow_text(words)))
    return _IDENTIFYING.search(text) is not None
