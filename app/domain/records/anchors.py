"""Whether a recorded anchor value is in force."""

from enum import StrEnum


class AnchorStanding(StrEnum):
    """Whether an anchor value is in force, was replaced, or differs from its owner's and is listed."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    DIFFERING = "differing"
