"""The states of a visit as the EDC reports them."""

from enum import StrEnum


class VisitState(StrEnum):
    """What the EDC says of a visit; a cancelled one closes nothing."""

    planned = "planned"
    occurred = "occurred"
    missed = "missed"
    cancelled = "cancelled"
