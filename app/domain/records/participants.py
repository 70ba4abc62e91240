"""Codes that a participant sets or asks for."""

from enum import StrEnum


class TextSize(StrEnum):
    """How large a participant reads: 18, 21 or 25 px."""

    standard = "standard"
    large = "large"
    extra_large = "extra_large"


class TeamRequestKind(StrEnum):
    """What a participant asks of the study team."""

    call = "call"
    correction = "correction"


class HandOverEnd(StrEnum):
    """Why the clinic's tablet is no longer a participant's."""

    sent = "sent"
    idle = "idle"
    returned = "returned"
    staff = "staff"
