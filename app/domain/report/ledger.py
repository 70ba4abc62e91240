"""The completeness ledger: what became of every form, and the figures that a report names."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from app.domain.plans.status import ANSWERABLE, Status
from app.domain.report.completeness import FormFacts, RateRules, is_expected, is_valid

EXITED = "left"
"""No reason was given, and the participant died or left inside the form's window."""


def why_missed(stated: str | None, exit_: str | None) -> str | None:
    """The reason of a missed form: the one that staff gave, else the exit inside its window, if any."""
    return stated or exit_


class FormOutcome(StrEnum):
    """What became of one expected form; every form has exactly one (REP-01)."""

    on_time = "on_time"
    late = "late"
    missed_with_reason = "missed_with_reason"
    missed_without_reason = "missed_without_reason"
    excused = "excused"
    not_expected = "not_expected"
    open = "open"
    ahead = "ahead"
    """It opens later, or waits for a date."""


@dataclass(frozen=True, slots=True)
class LedgerForm:
    """One form, or many of which all this is alike; `reason` is the code of a missed form's reason."""

    status: Status
    facts: FormFacts
    reason: str | None = None

    @property
    def outcome(self) -> FormOutcome:
        """What became of it."""
        if self.status is Status.submitted:
            return FormOutcome.late if self.facts.late else FormOutcome.on_time
        if self.status is Status.missed:
            return FormOutcome.missed_with_reason if self.reason else FormOutcome.missed_without_reason
        if self.status in ANSWERABLE:
            return FormOutcome.open
        return _SAME.get(self.status, FormOutcome.ahead)


_SAME = {Status.excused: FormOutcome.excused, Status.not_expected: FormOutcome.not_expected}


class MatrixCell(NamedTuple):
    """The state of one form of a participant, as the matrix shows it."""

    participant_id: int
    visit: str
    instrument: str
    position: int
    slot: str
    status: str
    out_of_window: bool


NO_ARM = "-"
"""Stands for those of whom no arm is recorded."""


class RateFigure(StrEnum):
    """A count of which a rate is made."""

    population = "population"
    expected = "expected"
    valid = "valid"
    valid_expected = "valid_expected"


def counts_for(form: LedgerForm, figure: RateFigure, rules: RateRules) -> bool:
    """Whether a form is one of those that make this count."""
    expected, valid = is_expected(form.facts, rules.rule_set), is_valid(form.facts, rules.late_counts)
    return {
        RateFigure.population: form.facts.in_population,
        RateFigure.expected: expected,
        RateFigure.valid: valid,
        RateFigure.valid_expected: expected and valid,
    }[figure]
