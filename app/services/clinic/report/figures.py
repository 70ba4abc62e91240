"""The tables of the report: what each counts, by what its lines are, and which forms belong to a figure.

One rule, `TableRule.counts`, decides what a figure counts, for the table and for the rows behind it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from app.domain.capture.answers import CollectionMode
from app.domain.capture.corrections import CorrectionOutcome
from app.domain.plans.plan import MissedReason
from app.domain.plans.status import Status
from app.domain.report.completeness import FormFacts, RateRules, RuleSet
from app.domain.report.ledger import EXITED, FormOutcome, LedgerForm, RateFigure, counts_for, why_missed
from app.domain.report.spreads import (
    CompletionTime,
    DaysFromTarget,
    SignInDelay,
    bin_days,
    bin_minutes,
    find_median,
    week_of,
)
from app.storage.queries.report.form_figures import FormFigures

FigureGroup = Mapping[str, Any]
"""Forms or participants of which all facts are alike, and how many there are (`count`)."""


class ReportTable(StrEnum):
    """A table of the report."""

    rates = "rates"
    rates_by_arm = "rates_by_arm"
    ledger = "ledger"
    sites = "sites"
    reasons = "reasons"
    weeks = "weeks"
    days = "days"
    minutes = "minutes"
    blanks = "blanks"
    alerts = "alerts"
    recruitment = "recruitment"
    diary = "diary"
    modes = "modes"
    corrections = "corrections"
    corrections_by_site = "corrections_by_site"


class ReportPart(StrEnum):
    """A page of the report."""

    completeness = "completeness"
    timing = "timing"
    recruitment = "recruitment"
    diary = "diary"
    corrections = "corrections"


@dataclass(frozen=True, slots=True)
class TableRule:
    """How a table is made: its source, the facts by which its lines are, its figures, and its shares.

    A share is named with the two figures of which it is the quotient. `line` may add one more value by
    which lines are told apart, such as a week.
    """

    part: ReportPart
    source: FormFigures | None
    by: tuple[str, ...]
    figures: tuple[str, ...]
    counts: Callable[[str, FigureGroup, RateRules], bool]
    shares: Mapping[str, tuple[str, str]]
    line: Callable[[FigureGroup, Mapping[str, int]], str] = lambda _group, _weeks: ""
    totals: bool = True
    median: str = ""


def ledger_form(group: FigureGroup) -> LedgerForm:
    """The facts of a group of the completeness source, as the rules take them."""
    exits = {RuleSet.first: group["left_first"], RuleSet.second: group["left_second"]}
    status = Status(group["status"])
    facts = FormFacts(
        in_population=bool(group["in_population"]),
        closed=bool(group["closed"]),
        exited=frozenset(rules for rules, gone in exits.items() if gone),
        submitted=status is Status.submitted,
        late=bool(group["late"]),
        scorable=bool(group["scorable"]),
    )
    return LedgerForm(status, facts, _missed_reason(group))


def _missed_reason(group: FigureGroup) -> str | None:
    """The reason that was given, or `EXITED`, as datasets have it of each form."""
    return why_missed(group["reason"], EXITED if group["left_inside"] else None)


def _rate(figure: str, group: FigureGroup, rules: RateRules) -> bool:
    return counts_for(ledger_form(group), RateFigure(figure), rules)


def _outcome(figure: str, group: FigureGroup, _rules: RateRules) -> bool:
    return figure == "forms" or ledger_form(group).outcome is FormOutcome(figure)


def _reason(figure: str, group: FigureGroup, _rules: RateRules) -> bool:
    if Status(group["status"]) is not Status.missed:
        return False
    return figure in ("missed", _missed_reason(group) or "unstated")


def _settled(figure: str, group: FigureGroup, _rules: RateRules) -> bool:
    """Whether a form whose window has closed was to be answered, or came in time."""
    if group["status"] == Status.missed.value:
        return figure == "settled"
    return group["status"] == Status.submitted.value and (figure == "settled" or not bool(group["late"]))


def _in_week(figure: str, group: FigureGroup, rules: RateRules) -> bool:
    """As `_settled`, of all forms or only of those with or without a call while they were open."""
    calls, _mark, counted = figure.rpartition("-")
    return calls in ("", "called" if group["called"] else "uncalled") and _settled(counted, group, rules)


def _days(figure: str, group: FigureGroup, _rules: RateRules) -> bool:
    return figure == "sent" or bin_days(group["days"], bool(group["late"])) is DaysFromTarget(figure)


def _minutes(figure: str, group: FigureGroup, _rules: RateRules) -> bool:
    return figure == "sent" or bin_minutes(group["minutes"]) is CompletionTime(figure)


def _blank(figure: str, group: FigureGroup, _rules: RateRules) -> bool:
    return figure == "asked" or bool(group["blank"])


def _mode(figure: str, group: FigureGroup, _rules: RateRules) -> bool:
    return figure in ("sent", group["mode"]) or (figure == "helped" and bool(group["helped"]))


def _correction(figure: str, group: FigureGroup, _rules: RateRules) -> bool:
    if figure == "justified":
        return bool(group["justified"])
    return figure in ("proposed", group["outcome"] or "undecided")


def _alert(figure: str, group: FigureGroup, _rules: RateRules) -> bool:
    """Whether an alert was raised, or acknowledged within the time that the figure names."""
    if figure == "raised":
        return True
    taken = group["minutes"]
    if taken is None or figure == "waiting":
        return taken is None and figure == "waiting"
    least, most = _WAITS[figure]
    return bool(least <= taken < most)


def _person(figure: str, group: FigureGroup, _rules: RateRules) -> bool:
    if figure == "due":
        return SignInDelay(group["delay"]) is not SignInDelay.pending
    return figure in ("enrolled", group["delay"])


def _month(group: FigureGroup, _weeks: Mapping[str, int]) -> str:
    return f"{int(group['year']):04d}-{int(group['month']):02d}"


def _calendar_week(group: FigureGroup, _weeks: Mapping[str, int]) -> str:
    day: date = group["target_on"]
    return week_of(day).isoformat()


def _study_week(group: FigureGroup, weeks: Mapping[str, int]) -> str:
    return f"{weeks[group['visit']]:03d}" if group["visit"] in weeks else NO_LINE


NO_LINE = "none"
"""The line of diary entries that the plan of today has no week for."""
_FORM = ("visit", "instrument")
_RATES = tuple(code.value for code in RateFigure)
_QUOTIENTS = {
    "available": (RateFigure.valid.value, RateFigure.population.value),
    "completion": (RateFigure.valid_expected.value, RateFigure.expected.value),
}
REASONS = (*(code.value for code in MissedReason), EXITED, "unstated")
_SETTLED = ("settled", "on_time")
_CALLS = ("called", "uncalled")
_IN_WEEK = (*_SETTLED, *(f"{calls}-{figure}" for calls in _CALLS for figure in _SETTLED))
_ON_TIME = {
    "on_time_share": ("on_time", "settled"),
    **{f"{calls}-on_time_share": (f"{calls}-on_time", f"{calls}-settled") for calls in _CALLS},
}
_DAYS = ("sent", *(code.value for code in DaysFromTarget))
_TIMES = ("sent", *(code.value for code in CompletionTime))
_MODES = ("sent", *(code.value for code in CollectionMode), "helped")
_CORRECTIONS = ("proposed", "undecided", *(code.value for code in CorrectionOutcome), "justified")
_HOUR, _DAY, _EVER = 60, 24 * 60, 10**9
_WAITS = {"within_hour": (-_EVER, _HOUR), "within_day": (_HOUR, _DAY), "after_day": (_DAY, _EVER)}
"""Minutes from raising an alert to acknowledging it: from, to before."""
_ALERTS = ("raised", *_WAITS, "waiting")
_PEOPLE = ("enrolled", "due", SignInDelay.in_time.value, SignInDelay.later.value, SignInDelay.never.value)

TABLES: Mapping[ReportTable, TableRule] = {
    ReportTable.rates: TableRule(
        ReportPart.completeness, FormFigures.completeness, _FORM, _RATES, _rate, _QUOTIENTS
    ),
    ReportTable.rates_by_arm: TableRule(
        ReportPart.completeness, FormFigures.completeness, (*_FORM, "arm"), _RATES, _rate, _QUOTIENTS,
        totals=False,
    ),
    ReportTable.ledger: TableRule(
        ReportPart.completeness, FormFigures.completeness, _FORM,
        ("forms", *(code.value for code in FormOutcome)), _outcome, {},
    ),
    ReportTable.sites: TableRule(
        ReportPart.completeness, FormFigures.completeness, (*_FORM, "site_id"),
        (RateFigure.expected.value, RateFigure.valid_expected.value), _rate,
        {"completion": _QUOTIENTS["completion"]}, totals=False,
    ),
    ReportTable.reasons: TableRule(
        ReportPart.completeness, FormFigures.completeness, _FORM, ("missed", *REASONS), _reason, {}
    ),
    ReportTable.weeks: TableRule(
        ReportPart.timing, FormFigures.weeks, (), _IN_WEEK, _in_week, _ON_TIME, _calendar_week
    ),
    ReportTable.days: TableRule(
        ReportPart.timing, FormFigures.days, _FORM, _DAYS, _days, {}, median="days"
    ),
    ReportTable.minutes: TableRule(
        ReportPart.timing, FormFigures.minutes, _FORM, _TIMES, _minutes, {}, median="minutes"
    ),
    ReportTable.blanks: TableRule(
        ReportPart.timing, FormFigures.blanks, ("instrument", "item"), ("asked", "blank"), _blank,
        {"blank_share": ("blank", "asked")}, totals=False,
    ),
    ReportTable.alerts: TableRule(
        ReportPart.timing, FormFigures.alerts, ("site_id",), _ALERTS, _alert, {}, median="minutes"
    ),
    ReportTable.recruitment: TableRule(
        ReportPart.recruitment, None, (), _PEOPLE, _person,
        {"in_time_share": (SignInDelay.in_time.value, "due")}, _month,
    ),
    ReportTable.diary: TableRule(
        ReportPart.diary, FormFigures.diary, (), _SETTLED, _settled, {"adherence": ("on_time", "settled")},
        _study_week,
    ),
    ReportTable.modes: TableRule(
        ReportPart.completeness, FormFigures.modes, _FORM, _MODES, _mode, {}
    ),
    ReportTable.corrections: TableRule(
        ReportPart.corrections, FormFigures.corrections, ("instrument",), _CORRECTIONS, _correction, {}
    ),
    ReportTable.corrections_by_site: TableRule(
        ReportPart.corrections, FormFigures.corrections, ("site_id",), _CORRECTIONS, _correction, {}
    ),
}  # fmt: skip
"""Every table of the report, in the order in which they are read."""


OF_REACHED_VISITS = frozenset({ReportTable.rates, ReportTable.rates_by_arm, ReportTable.sites})
"""Tables of visits that somebody has reached: the others would only add to a fixed denominator."""


def drop_unreached(groups: Iterable[FigureGroup], rules: RateRules) -> tuple[FigureGroup, ...]:
    """The groups of visits at which a participant was expected, or sent a valid form."""
    counted, reached = tuple(groups), set[tuple[str, str]]()
    for group in counted:
        if _rate(RateFigure.expected, group, rules) or _rate(RateFigure.valid, group, rules):
            reached.add((group["visit"], group["instrument"]))
    return tuple(group for group in counted if (group["visit"], group["instrument"]) in reached)


@dataclass(frozen=True, slots=True)
class FigureLine:
    """One line of a table: by which facts it is, and its counts by name; no facts for the whole."""

    where: Mapping[str, Any]
    counts: Mapping[str, int]
    shares: Mapping[str, tuple[int, int]]
    median: int | None = None


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A table of counts; `whole` is all of it, None where lines are not to be added up."""

    name: ReportTable
    rule: TableRule
    lines: tuple[FigureLine, ...]
    whole: FigureLine | None


def build_table(
    name: ReportTable,
    groups: Iterable[FigureGroup],
    rules: RateRules,
    weeks: Mapping[str, int],
    order: Mapping[str, int],
) -> FigureTable:
    """Count the groups into the lines of a table, each once for each figure to which it belongs.

    `weeks` are those of diary entries and `order` the places of visits, both by code.
    """
    rule, lines, every = TABLES[name], dict[tuple[Any, ...], list[FigureGroup]](), list[FigureGroup]()
    for group in drop_unreached(groups, rules) if name in OF_REACHED_VISITS else groups:
        key = (*(group[fact] for fact in rule.by), rule.line(group, weeks))
        lines.setdefault(key, []).append(group)
        every.append(group)
    names = (*rule.by, "line")
    return FigureTable(
        name=name,
        rule=rule,
        lines=tuple(
            _count(rule, dict(zip(names, key, strict=True)), lines[key], rules)
            for key in sorted(lines, key=lambda key: [_visit_order(part, order) for part in key])
        ),
        whole=_count(rule, {}, every, rules) if rule.totals else None,
    )


def _visit_order(part: object, order: Mapping[str, int]) -> tuple[int, int, str]:
    """Visits as the plan has them, and anything else by its letters, numbers in it as numbers."""
    text = str(part)
    digits = "".join(sign for sign in text if sign.isdecimal())
    return order.get(text, len(order)), int(digits or 0), text


def _count(
    rule: TableRule, where: Mapping[str, Any], groups: list[FigureGroup], rules: RateRules
) -> FigureLine:
    counts = {
        figure: sum(group["count"] for group in groups if rule.counts(figure, group, rules))
        for figure in rule.figures
    }
    shares = {name: (counts[part], counts[of]) for name, (part, of) in rule.shares.items()}
    return FigureLine(where, counts, shares, _median(rule, groups))


def _median(rule: TableRule, groups: list[FigureGroup]) -> int | None:
    if not rule.median:
        return None
    counted: dict[int, int] = {}
    for group in groups:
        if group[rule.median] is None:
            continue
        counted[group[rule.median]] = counted.get(group[rule.median], 0) + group["count"]
    return find_median(counted)
