"""To whom participants of the work list are assigned, as the list is filtered by it and as it is chosen."""

import re
from enum import StrEnum

from app.domain.refusal import Refused


class Assigned(StrEnum):
    """Whose participants the list shows, where not everybody's."""

    me = "me"
    nobody = "nobody"


_NUMBER = re.compile("[0-9]{1,9}")


def parse_assignee(typed: str) -> int | None:
    """The number of the colleague who was chosen, None for nobody. Raises Refused("assignee_needed")."""
    if typed == Assigned.nobody:
        return None
    if _NUMBER.fullmatch(typed) is None:
        raise Refused("assignee_needed", field="assignee")
    return int(typed)


def parse_shown_assignee(typed: str) -> int | None:
    """To whom a page said that somebody is assigned; nobody where it said nothing."""
    return int(typed) if _NUMBER.fullmatch(typed) else None
