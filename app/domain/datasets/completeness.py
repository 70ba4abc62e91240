"""The two completeness rates and what they are made of, counted participant by participant (COMPL)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from app.domain.datasets.analysis import list_untold_forms
from app.domain.datasets.history import FormFact, SubjectHistory
from app.domain.datasets.study import DatasetStudy
from app.domain.datasets.subjects import missing_reason
from app.domain.datasets.tables import DatasetRow, DatasetTable, describe_columns
from app.domain.report.completeness import RateRules, RuleSet, is_expected, is_valid

_FORMS = describe_columns("""
    STUDYID  | text:40  | P | Study Identifier
    ARMCD    | text:20  | C | Planned Arm Code | ALL: every arm, and those without one so far
    VISITNUM | decimal  | P | Visit Number
    VISIT    | text:20  | P | Visit Name
    INSTR    | text:40  | P | Instrument
""")
"""Which forms a record counts: those of one instrument at one visit of one arm."""

COMPL = DatasetTable(
    name="COMPL",
    label="Completeness",
    group="ADAM OTHER",
    structure="One record per arm, visit, instrument, rule set and choice about late forms",
    keys=("STUDYID", "ARMCD", "VISITNUM", "INSTR", "RULESET", "LATEFL"),
    columns=_FORMS
    + describe_columns("""
        RULESET  | text:1   | A | Rule Set | 1: exits are death and withdrawal; 2: also loss to follow-up
        LATEFL   | text:1   | A | Late Forms Count Flag
        NPOP     | integer  | D | Population | randomised participants who consented and have the visit
        NEXPECT  | integer  | D | Expected
        NVALID   | integer  | D | Valid Forms
        NVALEXP  | integer  | D | Valid Forms of Those Expected
        AVAILPCT | decimal  | D | Available Data Rate (%) | NVALID of NPOP
        COMPLPCT | decimal  | D | Completion Rate (%) | NVALEXP of NEXPECT
    """),
)
REASONS = DatasetTable(
    name="MISSRSN",
    label="Reasons for Missing Forms",
    group="ADAM OTHER",
    structure="One record per arm, visit, instrument, state and reason",
    keys=("STUDYID", "ARMCD", "VISITNUM", "INSTR", "STATE", "REASON"),
    columns=_FORMS
    + describe_columns("""
        STATE    | text:20  | D | State at the Cut
        REASON   | text:60  | C | Reason | UNKNOWN where none was given
        NFORMS   | integer  | D | Forms
    """),
)
POOLED = "ALL"
_CHOICES = tuple(RateRules(rules, late) for rules in RuleSet for late in (False, True))
_CountGroup = tuple[Decimal, str, str, str]
"""The visit's number and code, the instrument, and the arm."""


@dataclass(slots=True)
class CompletenessCounts:
    """Running counts of the completeness rates, which grow with visits and reasons, not with participants.

    Who left the study before a visit was ever told is in the population of that visit all the same: it is
    `people`, the participants of each arm, but for visits that are expected of those alone who have them. A
    reader who does not see the arm gets the pooled counts alone, and the same ones.
    """

    people: Counter[str] = field(default_factory=Counter)
    counts: dict[_CountGroup, Counter[str]] = field(default_factory=dict)
    reasons: Counter[tuple[_CountGroup, str, str]] = field(default_factory=Counter)

    def add_participant(self, study: DatasetStudy, history: SubjectHistory) -> None:
        """Count the forms of one participant's visits, of those who belong to the population."""
        if not study.is_in_population(history):
            return
        arms = [POOLED, *([history.arm] if study.sees_arm and history.arm else [])]
        self.people.update([POOLED, *([history.counted_arm] if history.counted_arm else [])])
        for form in history.forms:
            for group in _groups(study, form, arms):
                self._count(study, history, form, group)
                self._count_reason(history, form, group)
        for form in list_untold_forms(study, history):
            for group in _groups(study, form, arms):
                self._count_reason(history, form, group)

    def _count(
        self, study: DatasetStudy, history: SubjectHistory, form: FormFact, group: _CountGroup
    ) -> None:
        facts, counted = study.form_facts(history, form), self.counts.setdefault(group, Counter())
        for rules in _CHOICES:
            expected, valid = is_expected(facts, rules.rule_set), is_valid(facts, rules.late_counts)
            name = _choice(rules)
            counted[f"{name}:expected"] += expected
            counted[f"{name}:valid"] += valid
            counted[f"{name}:both"] += expected and valid
        counted["told"] += 1

    def _count_reason(self, history: SubjectHistory, form: FormFact, group: _CountGroup) -> None:
        reason = missing_reason(history, form)
        if reason is not None:
            self.reasons[group, form.state.upper().replace("_", " "), reason] += 1

    def build_compl(self, study: DatasetStudy) -> Iterator[DatasetRow]:
        """The rates of every visit whose forms were told, with what they are made of."""
        for group in sorted(self.counts):
            number, visit, instrument, arm = group
            if not self.counts[group]["1:N:expected"] and not self.counts[group]["1:Y:valid"]:
                continue
            for rules in _CHOICES:
                counted, name = self.counts[group], _choice(rules)
                expected, valid = counted[f"{name}:expected"], counted[f"{name}:valid"]
                both, people = counted[f"{name}:both"], self._population(study, group)
                yield {
                    "STUDYID": study.study,
                    "ARMCD": arm,
                    "VISITNUM": number,
                    "VISIT": visit,
                    "INSTR": instrument,
                    "RULESET": rules.rule_set.value,
                    "LATEFL": "Y" if rules.late_counts else "N",
                    "NPOP": people,
                    "NEXPECT": expected,
                    "NVALID": valid,
                    "NVALEXP": both,
                    "AVAILPCT": compute_percent(valid, people),
                    "COMPLPCT": compute_percent(both, expected),
                }

    def _population(self, study: DatasetStudy, group: _CountGroup) -> int:
        """How many a figure is about: all of the arm, or of the arms of its visit, or who came to have it."""
        rule, arm = study.rules[group[1]], group[3]
        if not study.is_for_everybody(group[1]):
            return self.counts[group]["told"]
        arms = rule.arms if arm == POOLED and rule.arms else (arm,)
        return sum(self.people[arm] for arm in arms)

    def build_reasons(self, study: DatasetStudy) -> Iterator[DatasetRow]:
        """How often each reason was given."""
        for (group, state, reason), count in sorted(self.reasons.items()):
            number, visit, instrument, arm = group
            yield {
                "STUDYID": study.study,
                "ARMCD": arm,
                "VISITNUM": number,
                "VISIT": visit,
                "INSTR": instrument,
                "STATE": state,
                "REASON": reason,
                "NFORMS": count,
            }


def _groups(study: DatasetStudy, form: FormFact, arms: Sequence[str]) -> Iterator[_CountGroup]:
    """Where a form of a visit that the plan expects is counted; another one nowhere."""
    number = study.visit_number(form.visit)
    if number is not None and not form.slot["out_of_plan"] and form.visit in study.rules:
        for arm in arms:
            yield number, form.visit, form.slot["instrument"], arm


def _choice(rules: RateRules) -> str:
    return f"{rules.rule_set.value}:{'Y' if rules.late_counts else 'N'}"


def compute_percent(part: int, whole: int) -> Decimal | None:
    """A share in percent to one decimal, halves up; None of nothing."""
    if not whole:
        return None
    return (Decimal(100 * part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)
