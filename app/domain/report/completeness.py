"""The two completeness rates of patient-reported outcomes, by named rule sets (REP-02, REP-03).

Both rates are of one visit, and of one arm or of all arms pooled. Pop is the population: randomised
participants who consented to questionnaires. E holds those of them who were expected to answer, V those of
whom there is a valid form. The available data rate is |V| / |Pop|, the completion rate |V and E| / |E|.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.records.dispositions import DispositionKind


class RuleSet(StrEnum):
    """Which dispositions end that a participant is expected: a choice of the analysis plan."""

    first = "1"
    """Death and withdrawal from questionnaires."""
    second = "2"
    """The same, and loss to follow-up."""


_ENDING_KINDS = frozenset(
    {
        DispositionKind.death,
        DispositionKind.withdrew_questionnaires,
        DispositionKind.withdrew_study,
        DispositionKind.screen_failure,
    }
)
EXITS: Mapping[RuleSet, frozenset[DispositionKind]] = {
    RuleSet.first: _ENDING_KINDS,
    RuleSet.second: _ENDING_KINDS | {DispositionKind.lost},
}
"""The exits that each rule set names. Who withdraws from the study withdraws from its questionnaires too."""


@dataclass(frozen=True, slots=True)
class RateRules:
    """By which rules the rates are counted; they are printed with every rate."""

    rule_set: RuleSet = RuleSet.first
    late_counts: bool = False


@dataclass(frozen=True, slots=True)
class FormFacts:
    """What the rates ask of one form of one participant, as known at the data cut.

    `in_population`: the participant is randomised and consented. `closed`: the window has closed.
    `exited`: the rule sets that name an exit which happened before it closed. `late`: submitted, and outside
    of the window. `scorable`: at least one scale of the form has a score, or the instrument has none.
    """

    in_population: bool = True
    closed: bool = True
    exited: frozenset[RuleSet] = frozenset()
    submitted: bool = False
    late: bool = False
    scorable: bool = False


def is_valid(form: FormFacts, late_counts: bool = False) -> bool:
    """Whether a form belongs to V: submitted in its window (or late, where that counts) and scorable."""
    return form.in_population and form.submitted and form.scorable and (late_counts or not form.late)


def is_expected(form: FormFacts, rule_set: RuleSet) -> bool:
    """Whether a participant belongs to E: no exit of the rule set before closing, and the window has closed.

    A valid form inside the window makes them expected all the same, even if an exit follows. An excused form
    stays expected: a rule set names exits alone.
    """
    if not (form.in_population and form.closed):
        return False
    return is_valid(form) or rule_set not in form.exited
