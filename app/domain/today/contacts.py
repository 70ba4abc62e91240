"""What came of trying to reach a participant, and how long their row of the work list may rest."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.refusal import Refused
from app.domain.today.reasons import Reason

LONGEST_SNOOZE_DAYS = 28
"""A row rests no longer than this; whoever wants more looks at it again."""
LONGEST_WAIT_DAYS = 90
"""The next try is no later than this."""


class ContactOutcome(StrEnum):
    """What came of a try to reach a participant."""

    reached_will_do = "reached_will_do"
    reached_needs_help = "reached_needs_help"
    no_answer = "no_answer"
    wrong_number = "wrong_number"
    refused_visit = "refused_visit"
    too_ill = "too_ill"
    other = "other"


SETTLING = frozenset({ContactOutcome.reached_will_do, ContactOutcome.reached_needs_help})
"""Outcomes with which a request for a call can be settled: somebody was spoken to."""


@dataclass(frozen=True, slots=True)
class ContactNote:
    """One try as it is recorded; `next_try_on` is when somebody tries again, if that was agreed."""

    outcome: ContactOutcome
    note: str
    next_try_on: date | None


def check_contact(outcome: str, note: str, next_try: date | None, today: date) -> ContactNote:
    """The try as it may be recorded. Raises Refused: "contact_outcome", "contact_note", "next_try"."""
    if outcome not in tuple(ContactOutcome):
        raise Refused("contact_outcome", field="outcome", allowed=tuple(ContactOutcome))
    note = note.strip()
    if outcome == ContactOutcome.other and not note:
        raise Refused("contact_note", field="note")
    if next_try is not None and not 0 <= (next_try - today).days <= LONGEST_WAIT_DAYS:
        raise Refused("next_try", field="next_try", most=LONGEST_WAIT_DAYS)
    return ContactNote(ContactOutcome(outcome), note, next_try)


def check_settled(outcome: ContactOutcome) -> None:
    """Refuse to settle a request for a call that reached nobody. Raises Refused("call_not_settled")."""
    if outcome not in SETTLING:
        raise Refused("call_not_settled", field="answers_call", allowed=tuple(sorted(SETTLING)))


def check_snooze(reason: str, until: date | None, today: date) -> tuple[str, date]:
    """Why and until which day a row rests. Raises Refused: "snooze_reason", "snooze_until"."""
    if not reason.strip():
        raise Refused("snooze_reason", field="reason")
    if until is None or not 1 <= (until - today).days <= LONGEST_SNOOZE_DAYS:
        raise Refused("snooze_until", field="until", most=LONGEST_SNOOZE_DAYS)
    return reason.strip(), until


def join_reasons(reasons: frozenset[Reason]) -> str:
    """Reasons as they are stored: their codes in order, between spaces, so that one can be looked for."""
    return f" {' '.join(each for each in Reason if each in reasons)} "


def split_reasons(stored: str) -> frozenset[Reason]:
    """The reasons that were stored; a code of an older version is none."""
    return frozenset(each for each in Reason if each in stored.split())
