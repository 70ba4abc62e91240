"""A second computation of a cut's scores, baselines, changes and rates, by SQL over its exported files.

It begins with the answers in QS and shares no code with what made the datasets but the calendar of a zone:
each formula is written once more, and so are baselines, changes, exits, who was expected and both rates.
Whether a form was sent and in its window, and the days of windows and exits, are facts of the files.
"""

import csv
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path

from app.domain.datasets.study import DatasetStudy
from app.domain.plans.windows import load_zone
from app.domain.refusal import Refused
from app.services.datasets.dataset_stream import ExportProgress, ignore_progress
from app.services.datasets.export import OMITTED, ExportEntry, open_export, write_files
from app.services.datasets.readers import DataContext
from app.services.datasets.recheck.rechecked_figures import RecheckedFigures, format_figure, list_instruments
from app.services.datasets.recheck.second_formulas import compute_again
from app.services.datasets.recheck.second_rates import check_rates

_FILES = ("dm", "ds", "sv", "qs", "adqs", "compl")


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
    yield from check_rates(database, study, scored)


def _check_scores(database: sqlite3.Connection, study: DatasetStudy) -> tuple[RecheckedFigures, set[str]]:
    """Every score from the answers to its items; and which forms have any."""
    checked, scored = RecheckedFigures("scores"), set[str]()
    for named in list_instruments(study):
        instrument = study.find_instrument(*named)
        terms = study.terms_of(instrument)
        exact: dict[tuple[str, str], Fraction | None] = {}
        for scale in instrument.scales:
            rows = database.execute(
                "SELECT ASSESSID, AVAL FROM adqs"
                " WHERE PARAMCD = ? AND PARCAT1 = ? AND INSTRVER = ? AND DTYPE = ''",
                (terms.name_parameter(scale), terms.category, instrument.version),
            )
            codes = {terms.item_code(instrument.get_item(item)): item for item in scale.items}
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


def _printed(value: Fraction) -> str:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return format_figure(exact.quantize(Decimal("1e-10"), ROUND_HALF_EVEN))


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
        computed = format_figure(Decimal(value) - Decimal(base[2])) if base and later and value else ""
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
