"""What datasets of a study rest on beside its feed: plan, instruments, terms and the cut; and their days."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from app.domain.datasets.history import ExitFact, FormFact, SubjectHistory
from app.domain.datasets.terms import InstrumentTerms, plain_terms
from app.domain.instruments.definition import Instrument
from app.domain.instruments.scoring.thresholds import ThresholdSet
from app.domain.plans.plan import RANDOMISATION, Plan, VisitRule
from app.domain.report.completeness import EXITS, FormFacts, RuleSet
from app.domain.report.spreads import visit_order

_DIARY_FROM = 1000
"""Numbers of diary days as visits begin above those of any visit."""


@dataclass(frozen=True, slots=True)
class DatasetStudy:
    """A study as of a cut: `at` is the cut's instant, `through` its number of the feed.

    `earlier` are the versions of the plan that the study followed before, the newest first: forms of each
    exist. `thresholds` are those that the plan names, by instrument. `numbers` are those of visits and diary
    days by code, `rules` those of the visits that a version expects; those that only an earlier one has come
    behind those of the plan.
    """

    study: str
    cut: str
    through: int
    at: datetime
    plan: Plan
    find_instrument: Callable[[str, str], Instrument]
    terms: Mapping[tuple[str, str], InstrumentTerms] = field(default_factory=dict)
    thresholds: Mapping[str, ThresholdSet] = field(default_factory=dict)
    sees_arm: bool = True
    earlier: tuple[Plan, ...] = ()
    numbers: Mapping[str, Decimal] = field(init=False, repr=False, compare=False)
    rules: Mapping[str, VisitRule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        plans = (self.plan, *self.earlier)
        visits = {code: Decimal(index + 1) for code, index in visit_order(*plans).items()}
        phases = [phase for plan in plans if plan.diary for phase in plan.diary.phases]
        days = dict.fromkeys(phase.code_of(offset) for phase in phases for offset in phase.offsets)
        diary = {code: Decimal(_DIARY_FROM + index) for index, code in enumerate(days)}
        rules: dict[str, VisitRule] = {}
        for plan in reversed(plans):
            rules |= _expected(plan)
        object.__setattr__(self, "numbers", {**diary, **visits})
        object.__setattr__(self, "rules", rules)

    def get_instrument(self, form: FormFact) -> Instrument:
        """The instrument of a form, in the version in which it is asked."""
        return self.find_instrument(form.slot["instrument"], form.slot["instrument_version"])

    def terms_of(self, instrument: Instrument) -> InstrumentTerms:
        """The codes and names of an instrument."""
        return self.terms.get((instrument.id, instrument.version)) or plain_terms(instrument)

    def subject_id(self, history: SubjectHistory) -> str:
        """The participant's code, unique over all studies (USUBJID)."""
        inside = history.subject
        return f"{self.study}-{inside if inside.startswith(history.site) else f'{history.site}-{inside}'}"

    def arm_name(self, code: str | None) -> str:
        """The name of an arm."""
        return next((arm.name for arm in self.plan.arms if arm.code == code), "")

    def visit_number(self, visit: str) -> Decimal | None:
        """The number of a visit in the plan's order (VISITNUM); one that staff added has decimals."""
        stem, _, count = visit.rpartition("-")
        if visit not in self.numbers and stem in self.numbers and count.isdigit():
            return self.numbers[stem] + Decimal(int(count)) / 100
        return self.numbers.get(visit)

    def is_for_everybody(self, visit: str) -> bool:
        """Whether all of an arm come to have a visit: it waits for its date, in each version of the plan."""
        plans = (self.plan, *self.earlier)
        return self.rules[visit].waits and all(visit in _expected(plan) for plan in plans)

    def is_in_population(self, history: SubjectHistory) -> bool:
        """Whether the rates count this participant: randomised, where the plan does that, and consented."""
        randomised = RANDOMISATION not in self.plan.anchor_kinds or RANDOMISATION in history.anchors
        return randomised and history.consented_on is not None

    def form_facts(self, history: SubjectHistory, form: FormFact) -> FormFacts:
        """What the completeness rates ask of a form."""
        closes_at, closes_on = form.slot["closes_at"], form.get_day("closes_on")
        rule_sets = (
            rules
            for rules, kinds in EXITS.items()
            if closes_on is not None and _exited_by(history.exits, {kind.value for kind in kinds}, closes_on)
        )
        return FormFacts(
            in_population=self.is_in_population(history),
            closed=closes_at is not None and datetime.fromisoformat(closes_at) <= self.at,
            exited=frozenset[RuleSet](rule_sets),
            submitted=form.state == "submitted",
            late=bool(form.slot["out_of_window"]),
            scorable=form.scorable,
        )

    def sorted_forms(self, history: SubjectHistory) -> list[FormFact]:
        """The forms by visit, instrument and day: each has one place, in whatever order things happened."""
        return self.sort_forms(history.forms)

    def sort_forms(self, forms: Iterable[FormFact]) -> list[FormFact]:
        """These forms in the same order."""
        return sorted(forms, key=self._sort_key)

    def _sort_key(self, form: FormFact) -> tuple[Decimal, str, str, str, str]:
        number = self.visit_number(form.visit)
        # A diary day that was over before a date moved keeps its code, which another day has now.
        day = str(form.slot["for_day"] or form.slot["opens_on"])
        known = Decimal("Infinity") if number is None else number
        return (known, form.visit, form.slot["instrument"], day, form.ref)


def _expected(plan: Plan) -> Mapping[str, VisitRule]:
    """The visits that a plan expects, by their codes."""
    rules = (rule for rule in plan.visits if not rule.on_request)
    return {rule.code_of(offset): rule for rule in rules for offset in rule.offsets or (0,)}


def _exited_by(exits: tuple[ExitFact, ...], kinds: set[str], day: date) -> bool:
    return any(exit_.kind in kinds and exit_.effective_on <= day for exit_ in exits)


def study_day(day: date | None, first: date | None) -> int | None:
    """The day of the study on which something was: the first is 1, the day before it is -1, none is 0."""
    if day is None or first is None:
        return None
    days = (day - first).days
    return days + 1 if days >= 0 else days
