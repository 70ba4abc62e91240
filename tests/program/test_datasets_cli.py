"""The commands of cuts and datasets, run as they are typed."""

from pathlib import Path

import pytest

from app.cli import main
from app.settings import DEMO_KEY
from tests.scenarios.dataset_stage import STUDY, TRIAL
from tests.stages import Stage


@pytest.fixture
def stage() -> Stage:
    return TRIAL


@pytest.mark.req("REP-09", "EDC-10")
def test_a_cut_is_created_exported_compared_and_recomputed(
    migrated_sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", migrated_sqlite_url)
    monkeypatch.setenv("DAYBOOK_KEY", DEMO_KEY.decode())
    monkeypatch.setenv("DAYBOOK_CLOCK_GAP_DAYS", "3650")
    command = ["cut", STUDY, "LAST", "--purpose", "last look"]
    assert main(command) == main(command) == 0
    assert capsys.readouterr().out.count("(made before)") == 1
    assert main(["cuts", STUDY]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(": first interim analysis")
    compare = ["compare-cuts", STUDY, "IA1", "FINAL", str(tmp_path / "changes.csv"), "--purpose"]
    assert main([*compare, " "]) != 0
    assert not (tmp_path / "changes.csv").exists()
    capsys.readouterr()
    assert main([*compare, "cleaning"]) == 0
    assert "answers.q9" in (tmp_path / "changes.csv").read_text("utf-8")
    assert capsys.readouterr().err.endswith(" changes after IA1 through FINAL.\n")
    export = ["export", STUDY, "--cut", "FINAL", "--to", str(tmp_path / "out"), "--purpose", "the paper"]
    assert main([*export, "--format", "csv", "--without", "arm", "--bom"]) == 0
    output = capsys.readouterr()
    assert output.out.splitlines()[0].startswith("dm.csv: ")
    assert output.err.splitlines()[-1] == "3 of 3 participants"
    assert (tmp_path / "out" / "dm.csv").read_text("utf-8").startswith("\ufeffSTUDYID,DOMAIN,USUBJID,SUBJID,")
    assert main(export) == 3  # the folder is there
    assert "out: File exists" in capsys.readouterr().err
    assert main(["recheck", STUDY, "--cut", "FINAL"]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("scores: 96 of 96 equal")
