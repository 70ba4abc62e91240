"""Datasets of hard histories, as a stranger makes them by the manual and as they were noted by hand."""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.domain.records.access import SYSTEM
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cut_changes import compare_cuts
from app.services.datasets.cuts import get_named_cut
from app.services.datasets.export import ExportEntry, export_cut
from app.services.datasets.recheck.cut_recheck import recheck_cut
from tests.scenarios.beginnings import open_installation_at
from tests.scenarios.dataset_edge_cases import HARD, SECOND, STUDY
from tests.scenarios.dataset_fold import fold_feed, lines_of, stream_cut
from tests.scenarios.foreign_datasets import Foreigner
from tests.scenarios.foreign_reader import recompute
from tests.scenarios.people import QUESTIONNAIRES, days
from tests.scenarios.sdtm_rules import RULES, break_rule
from tests.stages import Stage

DESCRIBED = frozenset({"ICEDECOD", "QLABEL", "QORIG"})
"""Columns of words that a code stands for."""
Cells = dict[str, str]


@pytest.fixture
def stage() -> Stage:
    return HARD


@pytest.fixture
def trial(migrated_sqlite_url: str) -> Iterator[Installation]:
    with open_installation_at(migrated_sqlite_url) as installation:
        yield installation


def rows_of(folder: Path, name: str) -> list[Cells]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [{key: cell for key, cell in row.items() if cell} for row in csv.DictReader(file)]


def in_one_order(rows: list[Cells]) -> list[Cells]:
    return sorted(rows, key=lambda row: sorted(row.items()))


@pytest.mark.req("REP-02", "REP-03", "REP-04", "REP-06", "REP-09", "EDC-02", "EDC-10", "VAL-07")
def test_hard_histories_follow_the_manual(trial: Installation, tmp_path: Path) -> None:
    operator = StaffContext(trial, SYSTEM, SECOND + days(1))
    plans = {path.stem: path.read_text("utf-8") for path in (QUESTIONNAIRES / "plans" / STUDY).glob("*.toml")}
    for name, versions in (("FIRST", ["1.0"]), ("SECOND", ["1.1", "1.0"])):
        folder, cut = tmp_path / name, get_named_cut(operator, STUDY, name)
        export_cut(operator, STUDY, ExportEntry(name, "to compare", ("csv",)), folder)
        foreigner = Foreigner(STUDY, lines_of(trial), cut.through, cut.at, [plans[each] for each in versions])
        for dataset in ("dm", "sv", "ds", "ice", "compl", "missrsn", "suppqs", "icepos"):
            rows = [{key: row[key] for key in row.keys() - DESCRIBED} for row in rows_of(folder, dataset)]
            computed = foreigner.make(dataset)
            if dataset in ("suppqs", "icepos"):
                computed, rows = in_one_order(computed), in_one_order(rows)
            assert computed == rows, dataset
        check_scores(folder, recompute(lines_of(trial), cut.through, cut.at))
        assert stream_cut(trial, cut) == fold_feed(trial, cut)
        for each in recheck_cut(operator, STUDY, name):
            assert (each.total > 0, each.equal, each.differences) == (True, each.total, []), each.kind
    check_first(tmp_path / "FIRST")
    check_second(tmp_path / "SECOND")
    check_rules(tmp_path / "SECOND")
    differences = [
        (each.subject[-3:], each.visit, each.field, each.old, each.new, each.reason, each.actor_kind)
        for each in compare_cuts(operator, STUDY, "FIRST", "SECOND")
    ]
    assert ("004", "W6", "answers.q9", "1", "4", "wrong_tap", "staff") in differences
    assert ("011", "W6", "slot.missed_reason", "", "too_ill_staff", "too_ill_staff", "staff") in differences


def check_scores(folder: Path, recomputed: dict[tuple[str, str, str], Cells]) -> None:
    """Days, scores, baselines and changes of ADQS are those that a stranger computes."""
    columns = ("ADT", "ADY", "AVAL", "BASE", "CHG", "ABLFL", "DTYPE")
    exported = {
        (row["SUBJID"], row["PARAMCD"], row["AVISIT"]): {key: row[key] for key in columns if key in row}
        for row in rows_of(folder, "adqs")
    }
    assert exported == recomputed


def pain_of(folder: Path) -> dict[tuple[str, str], Cells]:
    """The records of pain by participant and visit."""
    rows = rows_of(folder, "adqs")
    return {(row["SUBJID"][-3:], row["AVISIT"]): row for row in rows if row["PARAMCD"] == "C30PA"}


def check_first(folder: Path) -> None:
    pain = pain_of(folder)
    assert pain["004", "W6"]["AVAL"] == "0"
    assert pain["011", "W6"]["MISRSN"] == "UNKNOWN"
    assert {row["INSTRVER"] for row in rows_of(folder, "adqs")} == {"3.0"}
    assert "CRIT1" not in pain["004", "W6"]  # version 1.0 of the plan names no threshold


def check_second(folder: Path) -> None:
    """What was written down by hand of each person."""
    pain, ends = pain_of(folder), {row["USUBJID"][-3:]: row for row in rows_of(folder, "dm")}
    assert ("RFSTDTC" not in ends["001"], ends["001"]["DTHDTC"]) == (True, "2026-03-03")
    assert {visit for who, visit in pain if who == "001"} == {"BL"}  # in no population, so nothing is missing
    assert [ends[who]["DTHDTC"] for who in ("002", "003")] == ["2026-04", "2026-04"]
    deaths = {
        row["USUBJID"][-3:]: row["ICEDT"]
        for row in rows_of(folder, "ice")
        if row["ICECD"] == "death" and "ICEDT" in row
    }
    assert deaths == {"001": "2026-03-03", "002": "2026-04-30", "003": "2026-04-12"}  # the day of the report
    assert [pain["003", visit]["FRMSTAT"] for visit in ("W6", "W12")] == ["DIED IN WINDOW", "NOT EXPECTED"]
    assert (pain["002", "W6"]["EXP1FL"], pain["003", "W6"]["EXP1FL"]) == ("Y", "N")
    assert (pain["004", "W6"]["AVAL"], pain["004", "W6"]["CRIT1FL"]) == ("100", "Y")
    withdrawn = pain["005", "W6"]
    assert [withdrawn[key] for key in ("FRMSTAT", "MISRSN", "EXP1FL")] == [
        "MISSED",
        "WITHDREW QUESTIONNAIRES",
        "N",
    ]
    assert (pain["005", "ET"]["ANL01FL"], pain["005", "W12"]["DTYPE"]) == ("Y", "PHANTOM")
    assert (pain["006", "EOT"]["FRMSTAT"], pain["006", "W6"]["FRMSTAT"]) == ("NOT IN PLAN", "EXCUSED")
    events = {
        row["ICECD"]: row.get("ICEDY") for row in rows_of(folder, "ice") if row["USUBJID"][-3:] == "006"
    }
    assert (events["second_line_start"], events["progression"], events["systemic_start"]) == (
        "29",
        "48",
        None,
    )
    check_later(folder, pain, ends)
    check_sums(folder)


def check_later(folder: Path, pain: Mapping[tuple[str, str], Cells], ends: Mapping[str, Cells]) -> None:
    """The same of the last five, and of the diary."""
    assert [pain["007", visit].get("ABLFL") for visit in ("BL", "BL-2")] == [None, "Y"]
    assert (pain["008", "BL"]["FRMSTAT"], pain["008", "BL"]["POPFL"]) == ("MISSED", "N")
    late = pain["009", "W6"]
    assert [late.get(key) for key in ("LANG", "ADT", "AWINFL", "ANL01FL")] == [
        "zh_CN",
        "2026-04-22",
        "N",
        None,
    ]
    paper = pain["010", "BL-2"]
    assert [paper[key] for key in ("ADT", "ABLFL", "ABLD0FL", "MODE")] == ["2026-03-04", "Y", "Y", "paper"]
    assert (pain["011", "W6"]["MISRSN"], ends["011"]["RFSTDTC"]) == ("TOO ILL STAFF", "2026-03-05")
    assert "DTHFL" not in ends["011"]
    entries = [row for row in rows_of(folder, "diary") if "ITEM" in row]
    states = {(row["VISIT"], row["ITEM"]): row["ITEMSTAT"] for row in entries}
    assert [states["D56", item] for item in ("pain", "cough", "fatigue")] == [
        "ANSWERED",
        "LEFT BLANK",
        "NOT TICKED",
    ]
    assert {state for (visit, item), state in states.items() if visit == "D57" and item != "any_symptom"} == {
        "NOT TICKED"
    }


def check_rules(folder: Path) -> None:
    """Each of CDISC's rules that the manual lists holds, and finds the fault that is planted for it."""
    tables = {name: rows_of(folder, name) for name in ("dm", "sv", "ds", "qs", "suppqs")}
    for name, rule in RULES.items():
        assert all(rule.check(tables)), name
        assert not all(rule.check(break_rule(tables, rule))), name
    manual = (QUESTIONNAIRES.parent / "docs" / "manual" / "datasets.md").read_text("utf-8")
    assert set(re.findall("CORE-[0-9]{6}", manual.partition("Known to differ")[0])) == RULES.keys()


def check_sums(folder: Path) -> None:
    """Of a visit that everybody has, sent and missing forms make the population."""
    compl = {
        (row["ARMCD"], row["VISIT"]): row
        for row in rows_of(folder, "compl")
        if row["RULESET"] == "1" and row["LATEFL"] == "Y"
    }
    missing = rows_of(folder, "missrsn")
    for (arm, visit), row in compl.items():
        if visit in ("BL", "W6", "W12"):
            reasons = sum(
                int(each["NFORMS"]) for each in missing if (each["ARMCD"], each["VISIT"]) == (arm, visit)
            )
            assert reasons + int(row["NVALID"]) == int(row["NPOP"]), (arm, visit)
    w6 = compl["ALL", "W6"]
    assert [w6[key] for key in ("NPOP", "NEXPECT", "NVALID", "NVALEXP")] == ["8", "6", "4", "4"]
