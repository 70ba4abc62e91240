"""The Python starter and the report on a made-up trial, beside the program's figures and what R gave."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader

from tests.analysis.comparison import compare_with_own, read_table
from tests.analysis.own_figures import OwnFigures, compute_figures
from tests.analysis.scale_list import FILE, spell_scales
from tests.analysis.simulated import add_simulated_people
from tests.analysis.stage import STARTERS, export_trial, run_starter
from tests.scenarios.beginnings import open_installation_at
from tests.scenarios.dataset_stage import TRIAL
from tests.stages import Stage

R_GAVE = Path(__file__).parent / "r-gave"
"""What `analyse.R` wrote of the same trial: model.csv and hazards.csv of the folder `r` that
`python -m tests.analysis --people 40 --to FOLDER` makes.
"""


@pytest.fixture
def stage() -> Stage:
    return TRIAL


@pytest.fixture
def exported(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[tuple[Path, OwnFigures]]:
    """The export of a trial of 43 people, and the program's own figures of it."""
    add_simulated_people(migrated_sqlite_url, 40)
    with open_installation_at(migrated_sqlite_url) as installation:
        export_trial(installation, tmp_path / "export", ("csv",))
        yield tmp_path / "export", compute_figures(installation)


@pytest.mark.req("REP-09")
def test_the_starter_gives_the_figures_of_the_program_and_of_r(
    exported: tuple[Path, OwnFigures], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, own = exported
    done = run_starter("analyse.py", export, "--to", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    printed = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in printed] == ["scores:", "completeness:"]
    assert all(line[1] == line[3] for line in printed)
    compared = compare_with_own(tmp_path / "out", own, export)
    assert [each.report() for each in compared if not each.holds] == []
    key = next(iter(own.events))
    altered = replace(own, events={**own.events, key: (own.events[key][0] + 1, own.events[key][1])})
    compared = compare_with_own(tmp_path / "out", altered, export)
    assert [each.total - each.equal for each in compared] == [0, 0, 1]
    assert _unlike_r(tmp_path / "out") == []
    monkeypatch.syspath_prepend(str(STARTERS))
    folder = importlib.import_module("export_folder").ExportFolder(export)
    report = importlib.import_module("report")
    (tmp_path / "report").mkdir()
    report.write_report(folder, tmp_path / "report", list(report.CHOSEN))
    figures = {"completeness.svg", "change.svg", "distribution.svg", "deterioration.svg"}
    assert {path.name for path in (tmp_path / "report").iterdir()} == figures | {"report.pdf"}
    pages = [
        " ".join(page.extract_text().split()) for page in PdfReader(tmp_path / "report/report.pdf").pages
    ]
    assert len(pages) == 4
    assert "Population: 43 participants randomised and consented (SBRT: 21, SOC: 21)" in pages[0]
    assert "Physical Functioning: adjusted mean change" in pages[3]
    with pytest.raises(SystemExit, match=r"^C30XX is no scale of it: C30QL2, C30PF2, "):
        importlib.import_module("export_folder").open_export(export, ["C30QL2", "C30XX"])
    _alter_a_score(export / "adqs.csv")
    altered_folder = importlib.import_module("export_folder").ExportFolder(export)
    equal, total = importlib.import_module("tables").score_again(altered_folder)
    assert total - equal == 1


def _unlike_r(folder: Path) -> list[str]:
    """The figures of the model and of the hazards that are not what R gave."""
    differing = []
    for table, tolerance in (("model", 1e-4), ("hazards", 1e-6)):
        theirs, ours = read_table(R_GAVE, table), read_table(folder, table)
        assert theirs.keys() == ours.keys()
        for key, row in theirs.items():
            for name in ("SE", "LOWER", "UPPER"):
                known = pytest.approx(float(row[name]), abs=tolerance, rel=tolerance)
                differing += [f"{key} {name}"] if float(ours[key][name]) != known else []
    return differing


def _alter_a_score(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines(keepends=True)
    row = next(row for row, line in enumerate(lines) if ",C30PF2," in line and ",COMPLETE," in line)
    lines[row] = re.sub(r"(,BL,1,[^,]*,[^,]*),[^,]*", r"\1,1", lines[row], count=1)
    file.write_text("".join(lines), "utf-8")


def test_the_scales_for_admiral_are_those_of_the_instrument() -> None:
    assert FILE.read_text("utf-8") == spell_scales()


def test_without_gaps_the_model_is_least_squares_at_each_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STARTERS))
    model = importlib.import_module("repeated_measures")
    draw = np.random.default_rng(4)
    base, arm = draw.normal(60, 15, 30), np.arange(30) % 2
    values = draw.normal(0, 10, (30, 3)) @ np.array([[1, 0.5, 0.2], [0, 1, 0.5], [0, 0, 1]])
    values += -0.2 * base[:, None] + 5 * arm[:, None]
    people = [f"p{number:02d}" for number in range(30)]
    rows = pd.DataFrame(
        {
            "USUBJID": np.repeat(people, 3),
            "AVISIT": np.tile(["A", "B", "C"], 30),
            "BASE": np.repeat(base, 3),
            "TRTP": np.repeat(np.where(arm == 1, "X", "SOC"), 3),
            "CHG": values.ravel(),
        }
    )
    fitted = model.fit(rows, ["A", "B", "C"], ["X"])
    design = np.column_stack([np.ones(30), base, arm])
    least, *_ = np.linalg.lstsq(design, values, rcond=None)
    assert fitted.coefficients == pytest.approx(least.ravel(), abs=1e-5)
    residual = values - design @ least
    assert fitted.within == pytest.approx(residual.T @ residual / (30 - 3), rel=1e-5)


def test_a_ratio_that_cannot_be_estimated_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """At an interim cut nobody of an arm may have deteriorated yet, or all of one before any of the other."""
    monkeypatch.syspath_prepend(str(STARTERS))
    deterioration = importlib.import_module("deterioration")
    for days, events, known in (
        ((40, 41, 42, 43), (1, 0, 1, 0), False),
        ((40, 43, 41, 44), (1, 1, 1, 1), False),
        ((40, 41, 44, 43), (1, 1, 1, 1), True),
    ):
        rows = pd.DataFrame({"TRTP": ["X", "SOC"] * 2, "DAY": days, "EVENT": events})
        hazards = deterioration.estimate_hazards(rows.assign(ESTIMAND="E", PARAMCD="P"), "SOC")
        assert (len(hazards), hazards.LOGHR.notna().all(), hazards.UPPER.notna().all()) == (1, known, known)
