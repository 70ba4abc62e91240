"""What came of trying to reach a participant, and how long their row of the work list may rest."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.domain.refusal import Refused, raise_all
from app.domain.today.reasons import Reason
from app.domain.typed_text import trim_words

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


def parse_contact_note(
    outcome: str, note: str, next_try: date | None, today: date, *, answers_call: bool = False
) -> ContactNote:
    """The try as it may be recorded; `answers_call`: it settles the participant's request for a call.

    Raises Refused: "contact_outcome", "contact_note", "next_try", and "call_not_settled" for an outcome that
    reached nobody.
    """
    refusals, note = [], trim_words(note)
    if outcome not in tuple(ContactOutcome):
        refusals.append(Refused("contact_outcome", field="outcome", allowed=tuple(ContactOutcome)))
    elif answers_call and outcome not in SETTLING:
        settling = tuple(sorted(SETTLING))
        refusals.append(Refused("call_not_settled", field="answers_call", allowed=settling))
    if outcome == ContactOutcome.other and not note:
        refusals.append(Refused("contact_note", field="note"))
    latest = today + timedelta(days=LONGEST_WAIT_DAYS)
    if next_try is not None and not today <= next_try <= latest:
        refusals.append(Refused("next_try", field="next_try", earliest=today, latest=latest))
    raise_all(refusals)
    return ContactNote(ContactOutcome(outcome), note, next_try)


def parse_snooze(reason: str, until: date | None, today: date) -> tuple[str, date]:
    """Why and until which day a row rests. Raises Refused: "snooze_reason", "snooze_until"."""
    refusals, day = [], until or date.min
    if not trim_words(reason):
        refusals.append(Refused("snooze_reason", field="reason"))
    if not 1 <= (day - today).days <= LONGEST_SNOOZE_DAYS:
        refusals.append(Refused("snooze_until", field="until", most=LONGEST_SNOOZE_DAYS))
    raise_all(refusals)
    return trim_words(reason), day


def join_reasons(reasons: frozenset[Reason]) -> str:
    """Reasons as they are stored: their codes in order, between spaces, so that one can be looked for."""
    return f" {' '.join(reason for reason in Reason if reason in reasons)} "


def split_reasons(stored: str) -> frozenset[Reason]:
    """The reasons that were stored; a code of an older version is none."""
    return frozenset(reason for reason in Reason if reason in stored.split())
