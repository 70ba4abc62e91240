"""Datasets of a cut: the fold of the feed up to its number, to the byte, whoever makes them and whenever."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyreadstat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from app.domain.datasets.builder import DATASETS
from app.domain.datasets.tables import ColumnKind
from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM, Role, Scope
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.domain.report.completeness import EXITS, RuleSet
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cuts import get_named_cut
from app.services.datasets.export import ExportEntry, export_cut, list_formats
from app.services.datasets.readers import read_scopes
from app.services.datasets.recheck.cut_recheck import recheck_cut
from app.services.datasets.recheck.second_rates import count_from
from app.storage.tables.audit import AuditEntry
from tests.scenarios.beginnings import open_installation_at, site_of
from tests.scenarios.dataset_fold import fold_feed, rows_of, stream_cut
from tests.scenarios.dataset_stage import DEAD, FINAL, OFF, STUDY, TRIAL, client_of
from tests.scenarios.people import Person, days, staff_member
from tests.scenarios.plan_versions import with_versions
from tests.stages import Stage

LATER = FINAL + days(1)
PURPOSE = "final analysis"


@pytest.fixture
def stage() -> Stage:
    return TRIAL


@pytest.fixture
def trial(migrated_url: str) -> Iterator[Installation]:
    """The trial of `dataset_stage`, once on each database."""
    with open_installation_at(migrated_url) as installation:
        yield installation


@pytest.fixture
def lone_trial(migrated_sqlite_url: str) -> Iterator[Installation]:
    """The same on SQLite alone."""
    with open_installation_at(migrated_sqlite_url) as installation:
        yield installation


def operator(installation: Installation) -> StaffContext:
    return StaffContext(installation, SYSTEM, LATER)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.req("REP-09", "EDC-10")
def test_a_cut_gives_the_same_bytes_whatever_happens_after_it(
    trial: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = ExportEntry("IA1", PURPOSE)
    first = export_cut(operator(trial), STUDY, entry, tmp_path / "first")
    person = Person(trial, site_of(trial), OFF)
    person.anchor("randomisation", FINAL.date() - days(90), LATER, source=Owner.edc)
    with monkeypatch.context() as elsewhere:  # and wherever the machine stands
        elsewhere.setenv("TZ", "America/New_York")
        time.tzset()
        export_cut(operator(trial), STUDY, entry, tmp_path / "second")
    time.tzset()
    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")
    manifest = json.loads((tmp_path / "first" / "manifest.json").read_text("utf-8"))
    assert manifest["contents"] == ["arm", "answers", "scores", "diary"]
    assert [each["name"] for each in manifest["files"]] == [each.name for each in first.files]
    for each in manifest["files"]:
        assert (tmp_path / "first" / each["name"]).stat().st_size == each["size"]
    names = {path.name for path in (tmp_path / "first").iterdir()}
    assert names == {each.name for each in first.files} | {"manifest.json"}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.req("REP-09", "EDC-02")
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_datasets_are_the_fold_of_the_feed_up_to_any_number(trial: Installation, share: float) -> None:
    """With corrections, a death and a moved date behind some of the numbers."""
    final = get_named_cut(operator(trial), STUDY, "FINAL")
    cut = replace(final, through=round(share * final.through))
    assert stream_cut(trial, cut) == fold_feed(trial, cut)


@pytest.mark.req("REP-03", "REP-04", "REP-05")
def test_what_is_missing_is_described_as_well_as_what_is_there(
    lone_trial: Installation, tmp_path: Path
) -> None:
    export_cut(operator(lone_trial), STUDY, ExportEntry("FINAL", PURPOSE, ("csv",)), tmp_path / "out")
    adqs = {(row["SUBJID"], row["AVISIT"]): row for row in rows_of(tmp_path / "out", "adqs")}
    missed, died = adqs[OFF, "W6"], adqs[DEAD, "W6"]
    assert (missed["FRMSTAT"], missed["MISRSN"], missed["EXP1FL"]) == ("MISSED", "TOO ILL PATIENT", "Y")
    assert (died["FRMSTAT"], died["MISRSN"], died["EXP1FL"], died["POPFL"]) == (
        "DIED IN WINDOW", "DEATH", "N", "Y",
    )  # fmt: skip
    positions = {
        (row["USUBJID"][-3:], row["AVISIT"], row["ICECD"]): row["ICEPOS"]
        for row in rows_of(tmp_path / "out", "icepos")
    }
    assert positions["001", "BL", "sbrt_start"] == "BEFORE"
    assert positions["001", "W6", "sbrt_end"] == "AFTER"
    assert positions["002", "W6", "progression"] == "AFTER"
    assert positions["001", "W6", "death"] == "NO EVENT"
    events = {(row["USUBJID"][-3:], row["ICECD"]): row for row in rows_of(tmp_path / "out", "ice")}
    assert events["002", "sbrt_start"]["ICESTAT"] == "NONE RECORDED; OF ONE ARM ALONE"
    assert events["003", "death"]["ICEPREC"] == "DAY"
    compl = {
        (row["ARMCD"], row["VISIT"], row["RULESET"], row["LATEFL"]): row
        for row in rows_of(tmp_path / "out", "compl")
    }
    w6 = compl["ALL", "W6", "1", "N"]
    assert [w6[name] for name in ("NPOP", "NEXPECT", "NVALID", "AVAILPCT", "COMPLPCT")] == [
        "3", "2", "1", "33.3", "50",
    ]  # fmt: skip
    assert compl["SBRT", "EOT", "1", "N"]["NPOP"] == compl["ALL", "EOT", "1", "N"]["NPOP"] == "1"


@pytest.mark.req("EDC-10", "REP-04")
def test_qs_keeps_the_rules_of_sdtm(lone_trial: Installation, tmp_path: Path) -> None:
    export_cut(operator(lone_trial), STUDY, ExportEntry("FINAL", PURPOSE, ("csv",)), tmp_path / "out")
    rows, people = rows_of(tmp_path / "out", "qs"), rows_of(tmp_path / "out", "dm")
    starts = {row["USUBJID"]: row["RFSTDTC"] for row in people}
    assert len({(row["USUBJID"], row["QSSEQ"]) for row in rows}) == len(rows)
    pairs = {(row["QSCAT"], row["QSTESTCD"], row["QSTEST"]) for row in rows}
    assert len(pairs) == len({pair[:2] for pair in pairs})
    for row in rows:
        assert row["USUBJID"] in starts
        assert (row["QSSTAT"] == "NOT DONE") is bool(row["QSREASND"])
        assert not (row["QSSTAT"] and row["QSSTRESC"])
        assert row["QSSTRESC"] == row["QSSTRESN"]
        assert (row["QSDRVFL"] == "Y") is (
            row["QSTESTCD"].startswith("EOR01") and row["QSTESTCD"] > "EOR0130"
        )
        assert not row["QSDTC"] or len(row["QSDTC"]) == 19
        assert row["QSDY"] != "0"
    assert {row["QSREASND"] for row in rows if row["QSTESTCD"] == "QSALL"} == {"TOO ILL PATIENT", "UNKNOWN"}
    recalls = {row["QSTESTCD"]: row["QSEVLINT"] for row in rows if row["QSCAT"].startswith("EORTC")}
    assert (recalls["EOR0105"], recalls["EOR0106"], recalls["EOR0131"]) == ("", "-P1W", "")
    assert {"TOO FEW ITEMS ANSWERED", "LEFT BLANK"} <= {row["QSREASND"] for row in rows}
    (fever,) = (row for row in rows if row["QSTEST"] == "Temperature" and row["QSSTRESC"])
    assert (fever["QSCAT"], fever["QSTESTCD"], fever["QSSTRESN"]) == ("SYMPTOM DIARY", "SD15", "38.5")
    amended = [row for row in rows_of(tmp_path / "out", "suppqs") if row["QNAM"] == "QSAMENDN"]
    assert sorted({row["QVAL"] for row in amended}) == ["0", "1"]


@pytest.mark.req("EDC-10", "RET-04")
def test_another_program_reads_the_transport_files_alike(lone_trial: Installation, tmp_path: Path) -> None:
    entry = ExportEntry("FINAL", PURPOSE, ("xpt", "ndjson"))
    exported = export_cut(operator(lone_trial), STUDY, entry, tmp_path / "out")
    assert {"codebook.csv", "define.xml"} < {each.name for each in exported.files}
    for table in DATASETS:
        columns, meta = pyreadstat.read_xport(
            tmp_path / "out" / f"{table.name.lower()}.xpt",
            output_format="dict",
            disable_datetime_conversion=True,
        )
        text = (tmp_path / "out" / f"{table.name.lower()}.ndjson").read_text("utf-8")
        rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
        assert meta.column_names == [column.name for column in table.columns]
        assert meta.column_labels == [column.label for column in table.columns]
        for column in table.columns:
            if column.kind is not ColumnKind.date:
                read = [None if str(value) in ("", "nan") else value for value in columns[column.name]]
                assert read == [row.get(column.name) for row in rows], column.name


@pytest.mark.req("EDC-10", "REP-09")
def test_parquet_holds_the_same_to_the_digit(
    lone_trial: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = ExportEntry("FINAL", PURPOSE, ("parquet", "ndjson"))
    export_cut(operator(lone_trial), STUDY, entry, tmp_path / "it's")
    again = export_cut(operator(lone_trial), STUDY, replace(entry, formats=("parquet",)), tmp_path / "again")
    assert again.files[0].name == "dm.parquet"
    for table in DATASETS:
        name = f"{table.name.lower()}.parquet"
        assert (tmp_path / "it's" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
        read = duckdb.connect().execute(f"SELECT * FROM read_parquet('{tmp_path / 'again' / name}')")
        text = (tmp_path / "it's" / f"{table.name.lower()}.ndjson").read_text("utf-8")
        rows = [json.loads(line, parse_float=Decimal) for line in text.splitlines()]
        names = [column[0] for column in read.description or ()]
        assert names == [column.name for column in table.columns]
        rows_read = [dict(zip(names, row, strict=True)) for row in read.fetchall()]
        assert [
            {
                name: str(cell) if isinstance(cell, date) else cell
                for name, cell in row.items()
                if cell is not None
            }
            for row in rows_read
        ] == rows
    assert "parquet" in list_formats()
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(Refused, match=r"^parquet_missing"):
        export_cut(operator(lone_trial), STUDY, entry, tmp_path / "none")


@pytest.mark.req("REP-08", "AUD-07", "IAM-02")
def test_an_export_holds_what_its_reader_may_see_and_is_recorded(
    lone_trial: Installation, tmp_path: Path
) -> None:
    site = site_of(lone_trial)
    entry = ExportEntry("FINAL", "monitoring board", ("csv",))
    viewer = StaffContext(lone_trial, staff_member(Role.SPONSOR_VIEWER, site, everywhere=True), LATER)
    seen = export_cut(viewer, STUDY, entry, tmp_path / "viewer")
    assert seen.contents == ()
    assert "ARMCD" not in rows_of(tmp_path / "viewer", "dm")[0]
    assert {row["QSTESTCD"] for row in rows_of(tmp_path / "viewer", "qs")} == {"QSALL"}
    assert {row["DTYPE"] for row in rows_of(tmp_path / "viewer", "adqs")} == {"PHANTOM"}
    assert rows_of(tmp_path / "viewer", "diary") == []
    assert {row["ARMCD"] for row in rows_of(tmp_path / "viewer", "compl")} == {"ALL"}
    statistician = StaffContext(lone_trial, staff_member(Role.STATISTICIAN, site, everywhere=True), LATER)
    less = replace(entry, without=frozenset({"arm", "diary"}))
    assert export_cut(statistician, STUDY, less, tmp_path / "less").contents == ("answers", "scores")
    pooled, whole = rows_of(tmp_path / "viewer", "compl"), rows_of(tmp_path / "less", "compl")
    assert pooled == whole  # the rates do not depend on who may see scores
    scores = client_of(lone_trial, LATER, [Scope.SCORES_READ])
    assert export_cut(scores, STUDY, entry, tmp_path / "scores").contents == ("scores",)
    with lone_trial.read() as session:
        entries = session.exec(
            select(AuditEntry)
            .where(AuditEntry.event == AuditEvent.DATA_EXPORTED)
            .order_by(col(AuditEntry.id))
        ).all()
    changes = [{change["field"]: change["new"] for change in json.loads(row.changes)} for row in entries]
    assert [row.reason for row in entries] == ["monitoring board"] * 3
    assert [each["contents"] for each in changes] == ["", "answers, scores", "scores"]
    nurse = StaffContext(lone_trial, staff_member(Role.NURSE, site, everywhere=True), LATER)
    assert read_scopes(nurse, site.study_id, site.id) is None
    other = replace(scores, client=replace(scores.client, sites=("0512",), site_ids=frozenset()))
    export_cut(other, STUDY, entry, tmp_path / "none")
    assert rows_of(tmp_path / "none", "dm") == []


@pytest.mark.req("REP-08", "AUD-07")
def test_data_not_readable_at_every_site_are_omitted(lone_trial: Installation, tmp_path: Path) -> None:
    """A data manager of the study who is statistician of one site: no row holds more than the trail says."""
    site = site_of(lone_trial)
    actor, more = (
        staff_member(Role.DATA_MANAGER, site, everywhere=True),
        staff_member(Role.STATISTICIAN, site),
    )
    both = StaffContext(lone_trial, replace(actor, grants=(*actor.grants, *more.grants)), LATER)
    contents = export_cut(both, STUDY, ExportEntry("FINAL", PURPOSE, ("csv",)), tmp_path / "out").contents
    assert "scores" not in contents
    assert {row["AVAL"] for row in rows_of(tmp_path / "out", "adqs")} == {""}


@pytest.mark.req("REP-09", "VAL-07")
def test_every_figure_is_computed_a_second_time(
    lone_trial: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IA1", "FINAL"):
        checked = recheck_cut(operator(lone_trial), STUDY, name)
        assert [each.kind for each in checked] == ["scores", "baselines", "changes", "expected", "rates"]
        for each in checked:
            fewest = 5 if each.kind == "expected" else 20
            assert (each.total > fewest, each.equal, each.differences) == (True, each.total, []), each.kind
    site = site_of(lone_trial)
    viewer = StaffContext(lone_trial, staff_member(Role.SPONSOR_VIEWER, site, everywhere=True), LATER)
    with pytest.raises(Refused, match=r"^recheck_needs_all"):
        recheck_cut(viewer, STUDY, "IA1")
    library = lone_trial.library
    qlq = library.get_instrument("qlq-c30", "3.0")
    scales = tuple(replace(each, minimum=1) if each.code == "PF" else each for each in qlq.scales)
    instruments = {**library.instruments, ("qlq-c30", "3.0"): replace(qlq, scales=scales)}
    other = replace(lone_trial, library=replace(library, instruments=instruments))
    scores = recheck_cut(operator(other), STUDY, "FINAL")[0]
    assert (scores.total - scores.equal, len(scores.differences)) == (2, 2)
    assert scores.differences[0].endswith(" PF: (none), computed again 100")
    rules = {**EXITS, RuleSet.first: EXITS[RuleSet.first] - {DispositionKind.death}}
    monkeypatch.setattr("app.domain.datasets.study.EXITS", rules)  # a fault in what made the files
    expected, rates = recheck_cut(operator(lone_trial), STUDY, "FINAL")[3:]
    assert expected.differences[0].endswith(" W6: Y Y N, computed again Y N N")
    assert 0 < rates.equal < rates.total


def test_an_exit_known_to_the_month_counts_once_more_from_its_day() -> None:
    for stated, recorded, day in (
        ("2026-06-10", "2026-07-01T08:00:00Z", "2026-06-10"),
        ("2026-06", "2026-07-01T08:00:00Z", "2026-06-30"),
        ("2026-12", "2026-12-04T17:00:00Z", "2026-12-05"),
    ):
        assert str(count_from(stated, recorded, "Asia/Shanghai")) == day


@pytest.mark.req("REP-09")
def test_a_format_that_cannot_hold_a_text_is_omitted_and_named(
    lone_trial: Installation, tmp_path: Path
) -> None:
    """What a study had before a limit was there ends one file, and no other."""
    long = tuple(replace(arm, name="n" * 201) for arm in lone_trial.library.get_plan(STUDY, "1.0").arms)
    wide = with_versions(lone_trial, lambda plan: replace(plan, arms=long), draft=False)
    entry = ExportEntry("FINAL", PURPOSE, ("csv", "xpt"), dataset="DM")
    export = export_cut(operator(wide), STUDY, entry, tmp_path / "out")
    why = "ARM holds at most 200 characters"
    assert [(each.name, each.fault) for each in export.files] == [("dm.csv", ""), ("dm.xpt", why)]
    assert sorted(bytes_of(tmp_path / "out")) == ["dm.csv", "manifest.json"]
    files = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))["files"]
    assert files[1] == {"name": "dm.xpt", "fault": why}


@pytest.mark.req("REP-09")
def test_an_export_is_refused_before_anything_is_written(lone_trial: Installation, tmp_path: Path) -> None:
    site, entry = site_of(lone_trial), ExportEntry("FINAL", PURPOSE)
    nurse = StaffContext(lone_trial, staff_member(Role.NURSE, site, everywhere=True), LATER)
    for context, export_entry, code in (
        (nurse, entry, "unknown_study"),
        (operator(lone_trial), replace(entry, cut="IA9"), "unknown_cut"),
        (operator(lone_trial), replace(entry, formats=("sas7bdat",)), "unknown_format"),
        (operator(lone_trial), replace(entry, purpose=" "), "purpose_needed"),
    ):
        with pytest.raises(Refused, match=f"^{code}"):
            export_cut(context, STUDY, export_entry, tmp_path / "out")
    with pytest.raises(FileExistsError):
        export_cut(operator(lone_trial), STUDY, entry, tmp_path)
    with pytest.raises(FileNotFoundError):
        export_cut(operator(lone_trial), STUDY, entry, tmp_path / "none" / "out")
    assert list(tmp_path.glob("out*")) == []
