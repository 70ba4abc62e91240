"""Corrections of what was submitted: why, on what evidence, what was decided, and what that changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.domain.instruments.responses import AnswerValue


class CorrectionReason(StrEnum):
    """Why one answer is not what the participant meant."""

    wrong_tap = "wrong_tap"
    misunderstood = "misunderstood"
    other_period = "other_period"
    helper_error = "helper_error"
    follows = "follows"
    """It follows from another answer of the same correction."""


class CorrectionEvidence(StrEnum):
    """How the participant confirmed what they meant."""

    telephone = "telephone"
    in_person = "in_person"
    in_writing = "in_writing"


class CorrectionOutcome(StrEnum):
    """What an investigator decides; it is also what their signature means."""

    approved = "approved"
    declined = "declined"


@dataclass(frozen=True, slots=True)
class ItemCorrection:
    """The answer that one item shall have (None: left blank), and why."""

    item: str
    value: AnswerValue
    reason: CorrectionReason

    def as_document(self) -> dict[str, object]:
        """As it is stored under its item."""
        return {"value": self.value, "reason": self.reason.value}


def read_item_corrections(document: Mapping[str, Mapping[str, object]]) -> tuple[ItemCorrection, ...]:
    """The corrections that a stored document holds."""
    return tuple(
        ItemCorrection(item, _answer(change["value"]), CorrectionReason(str(change["reason"])))
        for item, change in document.items()
    )


def find_changed_items(
    before: Mapping[str, AnswerValue], after: Mapping[str, AnswerValue]
) -> tuple[str, ...]:
    """The items that stand in one of two documents only, or with another answer, in order."""
    return tuple(
        code
        for code in dict.fromkeys((*before, *after))
        if (code in before, before.get(code)) != (code in after, after.get(code))
    )


def needs_second_reason(submitted_on: date, decided_on: date, days: int) -> bool:
    """Whether a correction is so late that its approval takes a reason of its own."""
    return decided_on > submitted_on + timedelta(days=days)


def _answer(stored: object) -> AnswerValue:
    return stored if stored is None or isinstance(stored, int) else str(stored)
