"""A second computation of a cut's scores, baselines, changes and rates, by SQL over its exported files.

It begins with the answers in QS and shares no code with what made the datasets but the calendar of a zone:
each formula is written once more, and so are baselines, changes, exits, who was expected and both rates.
Whether a form was sent and in its window, and the days of windows and exits, are facts of the files.
"""

import csv
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

from app.domain.datasets.study import DatasetStudy
from app.domain.instruments.definition import Scale, ScaleKind
from app.domain.plans.plan import RANDOMISATION
from app.domain.plans.windows import load_zone, start_of_day
from app.domain.refusal import Refused
from app.services.datasets.dataset_stream import ExportProgress, ignore_progress
from app.services.datasets.export import OMITTED, ExportEntry, open_export, write_files
from app.services.datasets.readers import DataContext

SHOWN = 20
"""Differences that are named; all are counted."""
_FILES = ("dm", "ds", "sv", "qs", "adqs", "compl")


@dataclass(slots=True)
class RecheckedFigures:
    """How many figures of one kind were computed again, how many agree, and the first that do not."""

    kind: str
    total: int = 0
    equal: int = 0
    differences: list[str] = field(default_factory=list)

    def compare(self, name: str, exported: str, computed: str) -> None:
        """Count one figure."""
        self.total += 1
        self.equal += exported == computed
        if exported != computed and len(self.differences) < SHOWN:
            self.differences.append(f"{name}: {exported or '(none)'}, computed again {computed or '(none)'}")


def recheck_cut(
    context: DataContext,
    study: str,
    name: str,
    progress: ExportProgress = ignore_progress,
    inside: Path | None = None,
) -> tuple[RecheckedFigures, ...]:
    """Make the datasets of a cut in a folder that goes again, and compute their figures a second time.

    `inside` is where that folder is made; None: where this machine has its temporary files.

    Raises Refused: "unknown_study", "unknown_cut", "recheck_needs_all" for whoever may not see everything.
    """
    entry = ExportEntry(name, "", ("csv",))
    opened = open_export(context, study, entry)
    if set(opened.contents) != OMITTED.keys():
        raise Refused("recheck_needs_all")
    with tempfile.TemporaryDirectory(dir=inside, prefix=".recheck-") as folder:
        write_files(context, opened, entry, Path(folder), progress)
        with sqlite3.connect(Path(folder) / "files.sqlite3") as database:
            _load(database, Path(folder))
            checked = tuple(_check(database, opened.study))
        database.close()
    return checked


def _load(database: sqlite3.Connection, folder: Path) -> None:
    """Each file as a table of texts."""
    for name in _FILES:
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            heads = next(lines)
            database.execute(f"CREATE TABLE {name} ({', '.join(heads)})")
            marks = ", ".join("?" * len(heads))
            database.executemany(f"INSERT INTO {name} VALUES ({marks})", lines)  # noqa: S608 - our own names
    database.execute("CREATE INDEX by_form ON qs (QSGRPID, QSTESTCD)")
    database.execute("CREATE INDEX by_parameter ON adqs (USUBJID, PARAMCD)")


def _check(database: sqlite3.Connection, study: DatasetStudy) -> Iterator[RecheckedFigures]:
    scores, scored = _check_scores(database, study)
    yield scores
    baselines, changes = RecheckedFigures("baselines"), RecheckedFigures("changes")
    for person, zone, day, instant in database.execute("SELECT USUBJID, TZONE, RFSTDTC, RFRNDTC FROM dm"):
        courses = "SELECT DISTINCT PARAMCD, INSTRVER FROM adqs WHERE USUBJID = ?"
        for course in database.execute(courses, (person,)).fetchall():
            _check_course(database, study, (person, *course), (zone, day, instant), (baselines, changes))
    yield baselines
    yield changes
    yield from _check_rates(database, study, scored)


def _instruments(study: DatasetStudy) -> list[tuple[str, str]]:
    """Each instrument with its version, of every version of the plan, that of the newest last."""
    plans = (*reversed(study.earlier), study.plan)
    return list(dict.fromkeys((used.id, used.version) for plan in plans for used in plan.instruments))


def _check_scores(database: sqlite3.Connection, study: DatasetStudy) -> tuple[RecheckedFigures, set[str]]:
    """Every score from the answers to its items; and which forms have any."""
    checked, scored = RecheckedFigures("scores"), set[str]()
    for named in _instruments(study):
        instrument = study.find_instrument(*named)
        terms = study.terms_of(instrument)
        exact: dict[tuple[str, str], Fraction | None] = {}
        for scale in instrument.scales:
            rows = database.execute(
                "SELECT ASSESSID, AVAL FROM adqs"
                " WHERE PARAMCD = ? AND PARCAT1 = ? AND INSTRVER = ? AND DTYPE = ''",
                (terms.parameter(scale), terms.category, instrument.version),
            )
            codes = {terms.item_code(instrument.item(item)): item for item in scale.items}
            for form, exported in rows.fetchall():
                values = _read_answers(database, form, codes) or {
                    part: known for part in scale.parts if (known := exact[form, part]) is not None
                }
                value = compute_again(instrument.algorithm, scale, values)
                exact[form, scale.code] = value
                scored |= set() if value is None else {form}
                checked.compare(f"{form} {scale.code}", exported, "" if value is None else _printed(value))
    return checked, scored


def _read_answers(
    database: sqlite3.Connection, form: str, codes: Mapping[str, str]
) -> Mapping[str, Fraction]:
    """The answers of a form to these items, by the items' own codes."""
    marks = ", ".join("?" * len(codes))
    rows = database.execute(
        "SELECT QSTESTCD, CAST(QSSTRESC AS INTEGER) FROM qs"  # noqa: S608 - marks alone
        f" WHERE QSGRPID = ? AND QSSTRESC <> '' AND QSTESTCD IN ({marks})",
        (form, *codes),
    )
    return {codes[code]: Fraction(value) for code, value in rows}


def compute_again(algorithm: str, scale: Scale, values: Mapping[str, Fraction]) -> Fraction | None:
    """A scale from the values of its items or parts, by the formula as it is written here once more."""
    if len(values) < scale.minimum:
        return None
    ends = scale.low + scale.high
    return SECOND_FORMULAS[algorithm](
        scale, [ends - value if code in scale.reversed else value for code, value in values.items()]
    )


def _draw_to_hundred(scale: Scale, values: Sequence[Fraction]) -> Fraction:
    mean = sum(values, Fraction(0)) / len(values)
    distance = scale.high - mean if scale.kind is ScaleKind.FUNCTIONAL else mean - scale.low
    return 100 * distance / (scale.high - scale.low)


def _prorate_sum(scale: Scale, values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values) * (len(scale.items) + len(scale.parts))


def _find_worst(_scale: Scale, values: Sequence[Fraction]) -> Fraction:
    return sorted(values)[-1]


SECOND_FORMULAS: Mapping[str, Callable[[Scale, Sequence[Fraction]], Fraction]] = {
    "eortc-linear 1.0": _draw_to_hundred,
    "level-sum 1.0": _prorate_sum,
    "worst-of 1.0": _find_worst,
}
"""By the name of the algorithm; a test holds that each that is registered has one."""


def _printed(value: Fraction) -> str:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return _short(exact.quantize(Decimal("1e-10"), ROUND_HALF_EVEN))


def _short(value: Decimal) -> str:
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


_COURSE = """
SELECT a.ASSESSID, a.AVISIT, a.AVAL, a.BASE, a.CHG, a.ABLFL, a.AWINFL, MIN(q.QSDTC) AS done
FROM adqs a JOIN qs q ON q.QSGRPID = a.ASSESSID AND q.USUBJID = a.USUBJID
WHERE a.USUBJID = ? AND a.PARAMCD = ? AND a.INSTRVER = ? AND a.DTYPE = ''
GROUP BY a.ASSESSID ORDER BY done, a.ASSESSID
"""

_MISSING = "SELECT DISTINCT BASE FROM adqs WHERE USUBJID = ? AND PARAMCD = ? AND INSTRVER = ? AND DTYPE <> ''"


def _check_course(
    database: sqlite3.Connection,
    study: DatasetStudy,
    key: tuple[str, str, str],
    start: tuple[str, str, str],
    checked: tuple[RecheckedFigures, RecheckedFigures],
) -> None:
    """Which form is the baseline of a participant's parameter in one version, and each change from it."""
    rows, rule = database.execute(_COURSE, key).fetchall(), study.plan.baseline_rule
    code = rule.code if rule else None
    valid = [
        row
        for row in rows
        if row[2] and row[6] == "Y" and row[1].partition("-")[0] == code and precedes_start(row[7], start)
    ]
    base = valid[-1] if valid else None
    name = " ".join(key[:2])
    flagged = " ".join(row[0] for row in rows if row[5] == "Y")
    checked[0].compare(name, flagged, base[0] if base else "")
    for form, _visit, value, exported_base, change, _flag, _inside, done in rows:
        checked[0].compare(f"{name} {form}", exported_base, base[2] if base else "")
        later = base is not None and form != base[0] and (done, form) > (base[7], base[0])
        computed = _short(Decimal(value) - Decimal(base[2])) if base and later and value else ""
        checked[1].compare(f"{name} {form}", change, computed)
    for (exported_base,) in database.execute(_MISSING, key):
        checked[0].compare(f"{name} missing", exported_base, base[2] if base else "")


def precedes_start(done: str, start: tuple[str, str, str]) -> bool:
    """Whether a form was done before the randomisation, which is its zone, day and instant."""
    zone, day, instant = start
    if instant and "T" in done:  # a paper form has a day alone
        local = datetime.fromisoformat(done).replace(tzinfo=load_zone(zone))
        return local < datetime.fromisoformat(instant)
    return not day or done[:10] <= day


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

    def compute(self, line: tuple[str, str, str, str, str], category: str) -> str:
        """The figures of one line of COMPL: of an arm, visit, rule set and choice about late forms."""
        arm, visit, _instrument, rules, late = line
        forms = [
            each
            for each in self.forms
            if (each.visit, each.category) == (visit, category) and arm in ("ALL", each.person.arm)
        ]
        expected = sum(each.expected[rules] for each in forms)
        valid = sum(each.is_valid(late) for each in forms)
        both = sum(each.expected[rules] and each.is_valid(late) for each in forms)
        people = self._count_people(visit, arm)
        figures = [people, expected, valid, both, _percent(valid, people), _percent(both, expected)]
        return " ".join(map(str, figures))

    def _count_people(self, visit: str, arm: str) -> int:
        """The population of a visit: all of its arms, or those who came to have it."""
        rule = self.study.rules[visit]
        people = {key: each for key, each in self.people.items() if each.in_population}
        if not self.study.is_for_everybody(visit):
            had = {
                key
                for key, of_visit in self.closing
                if of_visit == visit and (key, visit) not in self.unplanned
            }
            return sum(key in had and arm in ("ALL", each.arm) for key, each in people.items())
        arms = rule.arms if arm == "ALL" else (arm,)
        return sum(not arms or each.arm in arms for each in people.values())


def count_from(stated: str, recorded: str, zone: str) -> date:
    """The day from which an exit counts: of a month, its last day, or that of an earlier report."""
    if len(stated) == len("2026-06-30"):
        return date.fromisoformat(stated)
    year, month = map(int, stated.split("-"))
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return min(last, datetime.fromisoformat(recorded).astimezone(load_zone(zone)).date())


def _check_rates(
    database: sqlite3.Connection, study: DatasetStudy, scored: set[str]
) -> tuple[RecheckedFigures, RecheckedFigures]:
    """Who was expected, form by form, and both rates of each line, from DM, DS, SV, QS and what was sent."""
    flags, rates = RecheckedFigures("expected"), RecheckedFigures("rates")
    counted = _Completeness(database, study, scored)
    for figure, exported, computed in counted.read():
        flags.compare(figure, exported, computed)
    used = {name: study.find_instrument(name, version) for name, version in _instruments(study)}
    for arm, visit, instrument, rules, late, *printed in database.execute(_LINES).fetchall():
        if not used[instrument].scales:
            continue  # ADQS has no record of its forms
        category = study.terms_of(used[instrument]).category
        computed = counted.compute((arm, visit, instrument, rules, late), category)
        rates.compare(f"{arm} {visit} rule set {rules}, late {late}", " ".join(printed), computed)
    return flags, rates


def _percent(part: int, whole: int) -> str:
    if not whole:
        return ""
    return _short((Decimal(100 * part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP))
