"""Who was expected, and both completeness rates, computed once more from DM, DS, SV, QS and what was sent."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from app.domain.datasets.study import DatasetStudy
from app.domain.plans.plan import RANDOMISATION
from app.domain.plans.windows import load_zone, start_of_day
from app.services.datasets.recheck.rechecked_figures import (
    RecheckedFigures,
    format_figure,
    list_instruments,
)

_PEOPLE = "SELECT USUBJID, ARMCD, TZONE, RFRNDTC, RFSTDTC, RFICDTC FROM dm"
_EXITS = "SELECT USUBJID, DSTERM, DSSTDTC, DSDTC FROM ds WHERE DSCAT = 'DISPOSITION EVENT'"
_WINDOWS = "SELECT USUBJID, VISIT, SVCLDTC FROM sv"
_FORMS = """
SELECT DISTINCT ASSESSID, USUBJID, AVISIT, PARCAT1, FRMSTAT, AWINFL, POPFL, EXP1FL, EXP2FL FROM adqs
"""
_LINES = """
SELECT ARMCD, VISIT, INSTR, RULESET, LATEFL, NPOP, NEXPECT, NVALID, NVALEXP, AVAILPCT, COMPLPCT FROM compl
"""
_ENDING = {"death", "withdrew_questionnaires", "withdrew_study", "screen_failure"}
_LEAVING = {"1": _ENDING, "2": _ENDING | {"lost"}}
"""The dispositions that each rule set names."""


@dataclass(frozen=True, slots=True)
class _Person:
    """What DM and DS say of a participant: arm, population, hour of randomisation, and days of exits."""

    arm: str
    zone: str
    randomised_at: str
    in_population: bool
    exits: list[tuple[str, date]] = field(default_factory=list)

    def has_exit(self, rules: str, day: date | None) -> bool:
        """Whether an exit that a rule set names counts from this day or an earlier one."""
        return day is not None and any(kind in _LEAVING[rules] and on <= day for kind, on in self.exits)


@dataclass(frozen=True, slots=True)
class _CheckedForm:
    """One form as the rates count it."""

    person: _Person
    visit: str
    category: str
    submitted: bool
    inside: bool
    scorable: bool
    expected: Mapping[str, bool]

    def is_valid(self, late: str) -> bool:
        """Whether it counts as there: sent in its window, or late where that counts, and scorable."""
        return self.person.in_population and self.submitted and self.scorable and (self.inside or late == "Y")


@dataclass(slots=True)
class _Completeness:
    """Expected and valid forms computed from DM, DS, SV and the scores that were computed again."""

    database: sqlite3.Connection
    study: DatasetStudy
    scored: set[str]
    people: dict[str, _Person] = field(default_factory=dict)
    closing: dict[tuple[str, str], str] = field(default_factory=dict)
    forms: list[_CheckedForm] = field(default_factory=list)
    unplanned: set[tuple[str, str]] = field(default_factory=set)

    def read(self) -> Iterator[tuple[str, str, str]]:
        """Read the files; each form with its flags as exported and as computed."""
        randomises = RANDOMISATION in self.study.plan.anchor_kinds
        for key, arm, zone, at, start, consent in self.database.execute(_PEOPLE):
            self.people[key] = _Person(arm, zone, at, bool(consent) and bool(start or not randomises))
        for key, kind, stated, recorded in self.database.execute(_EXITS):
            self.people[key].exits.append((kind, count_from(stated, recorded, self.people[key].zone)))
        self.closing = {(key, visit): day for key, visit, day in self.database.execute(_WINDOWS)}
        for ref, key, visit, category, state, inside, *exported in self.database.execute(_FORMS):
            form = self._form(ref, key, visit, category, state, inside)
            if state == "NOT IN PLAN":
                self.unplanned.add((key, visit))
            if ref:
                self.forms.append(form)
            flags = [form.person.in_population, form.expected["1"], form.expected["2"]]
            computed = " ".join("Y" if flag else "N" for flag in flags)
            yield f"{ref or key} {visit}", " ".join(exported), computed

    def _form(self, ref: str, key: str, visit: str, category: str, state: str, inside: str) -> _CheckedForm:
        person, submitted = self.people[key], state == "SUBMITTED"
        closes = self.closing.get((key, visit), "") if ref else ""
        day = date.fromisoformat(closes) if closes else None
        scorable = submitted and ref in self.scored
        closed = day is not None and self._is_closed(person, visit, day) and state != "NOT IN PLAN"
        there = scorable and inside == "Y"
        return _CheckedForm(
            person=person,
            visit=visit,
            category=category,
            submitted=submitted,
            inside=inside == "Y",
            scorable=scorable,
            expected={
                rules: person.in_population and closed and (there or not person.has_exit(rules, day))
                for rules in _LEAVING
            },
        )

    def _is_closed(self, person: _Person, visit: str, day: date) -> bool:
        """Whether a window whose last day this is had closed at the cut; some end with the randomisation."""
        rule = self.study.rules.get(visit.partition("-")[0]) or self.study.rules.get(visit)
        ends = rule is not None and rule.closes_with == RANDOMISATION and bool(person.randomised_at)
        if ends:
            at = datetime.fromisoformat(person.randomised_at)
            if at.astimezone(load_zone(person.zone)).date() == day:
                return at <= self.study.at
        return start_of_day(day + timedelta(days=1), person.zone) <= self.study.at

    def compute_line(self, line: tuple[str, str, str, str, str], category: str) -> str:
        """The figures of one line of COMPL: of an arm, visit, rule set and choice about late forms."""
        arm, visit, _instrument, rules, late = line
        forms = [
            form
            for form in self.forms
            if (form.visit, form.category) == (visit, category) and arm in ("ALL", form.person.arm)
        ]
        expected = sum(form.expected[rules] for form in forms)
        valid = sum(form.is_valid(late) for form in forms)
        both = sum(form.expected[rules] and form.is_valid(late) for form in forms)
        people = self._count_people(visit, arm)
        figures = [people, expected, valid, both, _percent(valid, people), _percent(both, expected)]
        return " ".join(map(str, figures))

    def _count_people(self, visit: str, arm: str) -> int:
        """The population of a visit: all of its arms, or those who came to have it."""
        rule = self.study.rules[visit]
        people = {key: person for key, person in self.people.items() if person.in_population}
        if not self.study.is_for_everybody(visit):
            had = {
                key
                for key, of_visit in self.closing
                if of_visit == visit and (key, visit) not in self.unplanned
            }
            return sum(key in had and arm in ("ALL", person.arm) for key, person in people.items())
        arms = rule.arms if arm == "ALL" else (arm,)
        return sum(not arms or person.arm in arms for person in people.values())


def count_from(stated: str, recorded: str, zone: str) -> date:
    """The day from which an exit counts: of a month, its last day, or that of an earlier report."""
    if len(stated) == len("2026-06-30"):
        return date.fromisoformat(stated)
    year, month = map(int, stated.split("-"))
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return min(last, datetime.fromisoformat(recorded).astimezone(load_zone(zone)).date())


def check_rates(
    database: sqlite3.Connection, study: DatasetStudy, scored: set[str]
) -> tuple[RecheckedFigures, RecheckedFigures]:
    """Who was expected, form by form, and both rates of each line, from DM, DS, SV, QS and what was sent."""
    flags, rates = RecheckedFigures("expected"), RecheckedFigures("rates")
    counted = _Completeness(database, study, scored)
    for figure, exported, computed in counted.read():
        flags.compare(figure, exported, computed)
    used = {name: study.find_instrument(name, version) for name, version in list_instruments(study)}
    for arm, visit, instrument, rules, late, *printed in database.execute(_LINES).fetchall():
        if not used[instrument].scales:
            continue  # ADQS has no record of its forms
        category = study.terms_of(used[instrument]).category
        computed = counted.compute_line((arm, visit, instrument, rules, late), category)
        rates.compare(f"{arm} {visit} rule set {rules}, late {late}", " ".join(printed), computed)
    return flags, rates


def _percent(part: int, whole: int) -> str:
    if not whole:
        return ""
    return format_figure((Decimal(100 * part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP))
