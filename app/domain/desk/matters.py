"""What is open in a study until somebody settles it, and the decisions by which that is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MatterKind(StrEnum):
    """The kinds of open matters, in the order in which they are offered."""

    dates_differ = "dates_differ"
    dates_order = "dates_order"
    quarantine = "quarantine"
    conflict = "conflict"
    paper = "paper"
    missed = "missed"
    correction = "correction"
    edc_message = "edc_message"
    licence = "licence"


class MatterDecision(StrEnum):
    """What is decided of an open matter."""

    date_stands = "date_stands"
    """The date in force is right, and the one that differs is not."""
    both_right = "both_right"
    """Both dates are right, although they stand against the plan's order."""
    accepted = "accepted"
    """The answers become the form's response, marked as out of its window."""
    rejected = "rejected"
    """The answers stay apart and are used for nothing."""
    later_stands = "later_stands"
    """The later of two answers, which is the current one, is right."""
    corrected = "corrected"
    """The current answer is wrong, and a correction is proposed, which is there."""
    first_stands = "first_stands"
    """Of two messages for one moment the first one is right."""
    corrected_by_edc = "corrected_by_edc"
    """The second message was right, and the EDC has said it again for a later moment."""
    renewal = "renewal"
    """A new licence is on its way."""
    ends = "ends"
    """The licence is not renewed."""


DECISIONS: Mapping[MatterKind, tuple[MatterDecision, ...]] = {
    MatterKind.dates_differ: (MatterDecision.date_stands,),
    MatterKind.dates_order: (MatterDecision.both_right,),
    MatterKind.quarantine: (MatterDecision.accepted, MatterDecision.rejected),
    MatterKind.conflict: (MatterDecision.later_stands, MatterDecision.corrected),
    MatterKind.edc_message: (MatterDecision.first_stands, MatterDecision.corrected_by_edc),
    MatterKind.licence: (MatterDecision.renewal, MatterDecision.ends),
}
"""The decisions of each kind. Others are decided on pages of their own."""

_SEPARATOR = "-"


@dataclass(frozen=True, slots=True)
class MatterName:
    """One open matter: `ref` names the very records that it is about; with another date it is another one."""

    kind: MatterKind
    ref: str

    def __str__(self) -> str:
        return f"{self.kind.value}{_SEPARATOR}{self.ref}"


@dataclass(frozen=True, slots=True)
class MatterCursor:
    """The last matter of a page of the list, after which the next page begins."""

    at: datetime
    name: MatterName


def parse_matter_name(text: str) -> MatterName | None:
    """The matter that an address names; None for what names none."""
    kind, _, ref = text.partition(_SEPARATOR)
    return MatterName(MatterKind(kind), ref) if kind in tuple(MatterKind) and ref else None
