"""A second computation of a cut's scores, baselines, changes and rates, by SQL over its exported files.

It begins with the answers in QS and shares no code with what made the datasets: the formula is written once
more, and everything is counted from the files alone.
"""

import csv
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

from app.domain.datasets.study import DatasetStudy
from app.domain.instruments.definition import Instrument, Scale, ScaleKind
from app.domain.plans.windows import load_zone
from app.domain.refusal import Refused
from app.services.datasets.dataset_stream import Progress, tell_nobody
from app.services.datasets.export import LEFT_OUT, ExportEntry, open_export, write_files
from app.services.datasets.readers import DataContext

SHOWN = 20
"""Differences that are named; all are counted."""
_FORMULA = "eortc-linear 1.0"
_FILES = ("dm", "qs", "adqs", "compl")


@dataclass(slots=True)
class RecheckedFigures:
    """How many figures of one kind were computed again, how many agree, and the first that do not."""

    kind: str
    total: int = 0
    equal: int = 0
    differences: list[str] = field(default_factory=list)

    def compare(self, place: str, exported: str, computed: str) -> None:
        """Count one figure."""
        self.total += 1
        self.equal += exported == computed
        if exported != computed and len(self.differences) < SHOWN:
            self.differences.append(f"{place}: {exported or '(none)'}, computed again {computed or '(none)'}")


def recheck_cut(
    context: DataContext, study: str, name: str, progress: Progress = tell_nobody
) -> tuple[RecheckedFigures, ...]:
    """Make the datasets of a cut in a folder that goes again, and compute their figures a second time.

    Raises Refused: "unknown_study", "unknown_cut", "recheck_needs_all" for whoever may not see everything.
    """
    entry = ExportEntry(name, "", ("csv",))
    opened = open_export(context, study, entry)
    if set(opened.contents) != LEFT_OUT.keys():
        raise Refused("recheck_needs_all")
    with tempfile.TemporaryDirectory(prefix="daybook-recheck-") as folder:
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
    yield _check_scores(database, study)
    baselines, changes = RecheckedFigures("baselines"), RecheckedFigures("changes")
    for person, zone, day, instant in database.execute("SELECT USUBJID, TZONE, RFSTDTC, RFRNDTC FROM dm"):
        courses = "SELECT DISTINCT PARAMCD, INSTRVER FROM adqs WHERE USUBJID = ?"
        for course in database.execute(courses, (person,)).fetchall():
            _check_course(database, study, (person, *course), (zone, day, instant), (baselines, changes))
    yield baselines
    yield changes
    yield _check_rates(database, study)


def _check_scores(database: sqlite3.Connection, study: DatasetStudy) -> RecheckedFigures:
    """Every score from the sum and number of its items' answers."""
    checked = RecheckedFigures("scores")
    plans = (study.plan, *study.earlier)
    for named in dict.fromkeys((used.id, used.version) for plan in plans for used in plan.instruments):
        instrument = study.find_instrument(*named)
        if instrument.algorithm != _FORMULA:
            continue
        terms = study.terms_of(instrument)
        exact: dict[tuple[str, str], Fraction | None] = {}
        for scale in instrument.scales:
            rows = database.execute(
                "SELECT ASSESSID, AVAL FROM adqs"
                " WHERE PARAMCD = ? AND PARCAT1 = ? AND INSTRVER = ? AND DTYPE = ''",
                (terms.parameter(scale), terms.category, instrument.version),
            )
            for form, exported in rows.fetchall():
                value = _score(database, study, instrument, scale, form, exact)
                exact[form, scale.code] = value
                checked.compare(f"{form} {scale.code}", exported, "" if value is None else _printed(value))
    return checked


def _score(
    database: sqlite3.Connection,
    study: DatasetStudy,
    instrument: Instrument,
    scale: Scale,
    form: str,
    exact: dict[tuple[str, str], Fraction | None],
) -> Fraction | None:
    if scale.parts:
        parts = [(code, exact[form, code]) for code in scale.parts]
        known = [
            scale.low + scale.high - value if code in scale.reversed else value
            for code, value in parts
            if value is not None
        ]
        return sum(known, Fraction(0)) / len(known) if len(known) >= scale.minimum else None
    terms = study.terms_of(instrument)
    codes = [terms.item_code(instrument.item(item)) for item in scale.items]
    marks = ", ".join("?" * len(codes))
    total, count = database.execute(
        "SELECT COALESCE(SUM(CAST(QSSTRESC AS INTEGER)), 0), COUNT(*) FROM qs"  # noqa: S608 - marks alone
        f" WHERE QSGRPID = ? AND QSSTRESC <> '' AND QSTESTCD IN ({marks})",
        (form, *codes),
    ).fetchone()
    if count < scale.minimum:
        return None
    share = (Fraction(total, count) - scale.low) / (scale.high - scale.low)
    return 100 * (1 - share if scale.kind is ScaleKind.FUNCTIONAL else share)


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
    place = " ".join(key[:2])
    flagged = " ".join(row[0] for row in rows if row[5] == "Y")
    checked[0].compare(place, flagged, base[0] if base else "")
    for form, _visit, value, exported_base, change, _flag, _inside, done in rows:
        checked[0].compare(f"{place} {form}", exported_base, base[2] if base else "")
        later = base is not None and form != base[0] and (done, form) > (base[7], base[0])
        computed = _short(Decimal(value) - Decimal(base[2])) if base and later and value else ""
        checked[1].compare(f"{place} {form}", change, computed)


def precedes_start(done: str, start: tuple[str, str, str]) -> bool:
    """Whether a form was done before the randomisation, which is its zone, day and instant."""
    zone, day, instant = start
    if instant and "T" in done:  # a paper form has a day alone
        local = datetime.fromisoformat(done).replace(tzinfo=load_zone(zone))
        return local < datetime.fromisoformat(instant)
    return not day or done[:10] <= day


_VALID = "POPFL = 'Y' AND AVAL <> '' AND FRMSTAT = 'SUBMITTED' AND AWINFL IN ('Y', {late})"
_COUNT = "SELECT COUNT(DISTINCT ASSESSID) FROM adqs WHERE AVISIT = :visit AND {arm} AND {where}"


def _check_rates(database: sqlite3.Connection, study: DatasetStudy) -> RecheckedFigures:
    """Both rates of each line from the records of ADQS and DM."""
    checked = RecheckedFigures("rates")
    lines = database.execute(
        "SELECT ARMCD, VISIT, RULESET, LATEFL, NPOP, NEXPECT, NVALID, NVALEXP, AVAILPCT, COMPLPCT FROM compl"
    )
    for arm, visit, rules, late, *exported in lines.fetchall():
        valid = _VALID.format(late="'N'" if late == "Y" else "'Y'")
        expected = f"EXP{rules}FL = 'Y'"
        ours = "1 = 1" if arm == "ALL" else "TRTP = :arm"
        bound = {"visit": visit, "arm": arm}

        def count(where: str, ours: str = ours, bound: dict[str, str] = bound) -> int:
            return int(database.execute(_COUNT.format(arm=ours, where=where), bound).fetchone()[0])

        figures = [count(expected), count(valid), count(f"{expected} AND {valid}")]
        people = _count_people(database, study, visit, arm, count)
        computed = [people, *figures, _percent(figures[1], people), _percent(figures[2], figures[0])]
        place = f"{arm} {visit} rule set {rules}, late {late}"
        checked.compare(place, " ".join(exported), " ".join(map(str, computed)))
    return checked


def _count_people(
    database: sqlite3.Connection, study: DatasetStudy, visit: str, arm: str, count: Callable[[str], int]
) -> int:
    """The population of a visit: all of the arm or of the arms that have it, or those who came to have it."""
    rule = study.rules[visit]
    if not study.is_for_everybody(visit):
        return count("POPFL = 'Y'")
    arms = rule.arms if arm == "ALL" else (arm,)
    inside = "RFSTDTC <> '' AND RFICDTC <> ''"
    if arms:
        inside += f" AND ARMCD IN ({', '.join('?' * len(arms))})"
    counted = database.execute(f"SELECT COUNT(*) FROM dm WHERE {inside}", arms).fetchone()  # noqa: S608 - marks
    return int(counted[0])


def _percent(part: int, whole: int) -> str:
    if not whole:
        return ""
    return _short((Decimal(100 * part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP))
