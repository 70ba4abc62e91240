"""The manual's pack and commands, as they are typed in a trial's installation."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.cli import main
from app.clock import now
from app.domain.plans.windows import Unit, add_units
from tests.meta.sources import ROOT
from tests.scenarios.licensed_trial import STUDY, pack_of, write_definitions

Daybook = Callable[..., int]
MANUAL = (ROOT / "docs" / "manual" / "packs.md").read_text("utf-8")
FAR = "2098-12-31"
EXAMPLE = re.findall(r"^```toml\n(.*?)^```", MANUAL, re.MULTILINE | re.DOTALL)[0].replace("2028-12-31", FAR)
COMMANDS = [line.split()[1:] for line in MANUAL.splitlines() if line.startswith(".venv/bin/daybook ")]


@pytest.fixture
def daybook(monkeypatch: pytest.MonkeyPatch, migrated_sqlite_url: str, tmp_path: Path) -> Daybook:
    """Runs a command in this process, in a trial's installation whose packs lie in the working folder."""
    environ = {
        "DAYBOOK_MODE": "live",
        "DAYBOOK_DATABASE_URL": migrated_sqlite_url,
        "DAYBOOK_PUBLIC_URL": "https://moon.example",
        "DAYBOOK_KEY": Fernet.generate_key().decode(),
        "DAYBOOK_QUESTIONNAIRES": str(write_definitions(tmp_path / "questionnaires")),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return lambda *words: main([str(word) for word in words])


@pytest.mark.req("CAP-01")
def test_the_manual_s_commands_install_the_manual_s_pack(
    daybook: Daybook, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("moon-6.en.toml").write_text(EXAMPLE, "utf-8")
    assert [daybook(*words) for words in COMMANDS] == [0, 0, 1]
    output = capsys.readouterr().out
    assert f"{STUDY}: moon-6 1.0 in en: MISSING: nobody can be enrolled" in output
    assert f"moon-6 1.0 in en: imported for {STUDY}, valid until {FAR}." in output
    assert f"{STUDY}: moon-6 1.0 in en: valid until {FAR}, days left: " in output
    assert output.count(f"{STUDY}: moon-6 1.0 in zh_CN: MISSING") == 2
    assert daybook(*COMMANDS[1]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    ends = add_units(now().date(), 30, Unit.days)
    Path("zh.toml").write_text(pack_of("zh_CN", ends), "utf-8")
    assert daybook("import-pack", "zh.toml", "--study", STUDY) == 0
    assert daybook("check-packs") == 0
    assert f"in zh_CN: ends soon: valid until {ends}" in capsys.readouterr().out
    assert daybook("verify-audit") == 0


@pytest.mark.req("CAP-01", "VAL-08")
def test_an_unusable_pack_prints_one_line(
    daybook: Daybook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daybook("check-packs") == 0
    assert "No trial here needs a pack." in capsys.readouterr().out
    daybook("load-study", STUDY, "--plan", "1.0")
    for content, expected in (
        (EXAMPLE.replace("m6 =", "m7 ="), "pack.toml: items.m6 = None: required"),
        (EXAMPLE.replace(FAR, "2024-12-31"), "[pack_expired]"),
        (EXAMPLE.replace("moon-trial", "sun-trial"), "[pack_of_other_study]"),
        (EXAMPLE.replace("moon-6", "sun-6"), "unknown_instrument"),
        (b"\xff\xfe", "a text in UTF-8"),
    ):
        Path("pack.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
        assert daybook("import-pack", "pack.toml", "--study", STUDY) == 2
        said = capsys.readouterr().err
        assert expected in said
        assert said.count("\n") == 1
    assert daybook("import-pack", "gone.toml", "--study", STUDY) == 3
    assert "gone.toml: (file) = 'No such file or directory'" in capsys.readouterr().err
    monkeypatch.setenv("DAYBOOK_MODE", "demo")
    assert daybook("serve") == 2
    assert "[mixed_modes]" in capsys.readouterr().err
