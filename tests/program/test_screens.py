"""`daybook screens`, run as it is typed."""

import hashlib
import json
import os
import re
from pathlib import Path

import pytest

from app.cli import main, parse_arguments
from app.cli.screens.chromium import find_camera, png_size
from app.cli.screens.export import Picture, describe_export, make_studio, select_texts
from app.definitions.library import load_library
from app.i18n.languages import LANGUAGE_CODES
from app.settings import ROOT, Settings

DIARY = ("symptom-diary", "1.0")


@pytest.fixture(autouse=True)
def _built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOOK_COMMIT", "abc123")


def stopped(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command that cannot be done says, in one line."""
    assert main(["screens", *words]) in (2, 3)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.mark.req("CAP-02", "VAL-11")
def test_every_picture_stands_in_the_manifest_with_its_digest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    selection = ("--language", "zh_CN", "--screen", "begin", "--screen", "temperature", "--size", "large")
    assert main(["screens", *DIARY, "--out", str(tmp_path), *selection]) == 0
    assert "2 screens in zh_CN" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    names = ["zh_CN/000-begin.png", "zh_CN/015-temperature.png"]
    assert [each["file"] for each in manifest["files"]] == names
    assert [each["item"] for each in manifest["files"]] == ["", "temperature"]
    for each in manifest["files"]:
        png = (tmp_path / each["file"]).read_bytes()
        assert hashlib.sha256(png).hexdigest() == each["sha256"]
        assert png_size(png) == (360, 740)
    assert manifest["text_size"] == "large"
    assert "Directory not empty" in stopped(capsys, *DIARY, "--out", str(tmp_path))


def test_the_manifest_names_words_program_and_phone() -> None:
    settings = Settings.from_environment()
    library = load_library(settings.questionnaires, LANGUAGE_CODES)
    instrument = library.get_instrument("qlq-c30", "3.0")
    texts = select_texts(library, instrument, [])
    picture = Picture("en/001-q1.png", "en", "q1", "q1", "0" * 64)
    assert describe_export(make_studio(settings, library, instrument, "standard"), texts, [picture]) == {
        "instrument": "qlq-c30",
        "version": "3.0",
        "instrument_sha256": instrument.sha256,
        "texts": {
            lang: {"sha256": library.get_text(instrument, lang).sha256, "wording": "demonstration"}
            for lang in ("en", "zh_CN")
        },
        "program": {"version": settings.version, "commit": "abc123"},
        "viewport": {"width": 360, "height": 740},
        "text_size": "standard",
        "files": [
            {"file": "en/001-q1.png", "language": "en", "screen": "q1", "item": "q1", "sha256": "0" * 64}
        ],
    }


def test_every_screen_is_shown_unless_some_are_named() -> None:
    settings = Settings.from_environment()
    library = load_library(settings.questionnaires, LANGUAGE_CODES)
    instrument = library.get_instrument("qlq-c30", "3.0")
    used = make_studio(settings, library, instrument, "extra_large")
    (text,) = select_texts(library, instrument, ["en"])
    documents = list(used.render_documents(text, []))
    assert [screen.name for _, screen, _ in documents] == [
        "begin",
        *(f"q{number}" for number in range(1, 31)),
        "review",
    ]
    assert all('class="' in html and "extra_large" in html for _, _, html in documents)
    assert all("Demonstration. Do not enter" not in html for _, _, html in documents)
    lung = library.get_instrument("qlq-lc13", "1.0")  # no plan asks it: another lends its settings
    (text,) = select_texts(library, lung, ["zh_CN"])
    ((name, _, html),) = make_studio(settings, library, lung, "standard").render_documents(text, ["q43a"])
    assert name == "zh_CN/015-q43a.png"
    assert text.items["q43a"] in html


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("qlq-c30", "9"), "unknown_instrument"),
        ((*DIARY, "--language", "tlh"), "no_translation"),
        ((*DIARY, "--screen", "q31"), "unknown_item"),
    ],
)
def test_an_unknown_screen_prints_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    assert expected in stopped(capsys, *words, "--out", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_installation_without_plans_has_no_settings_to_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Settings.from_environment().questionnaires / "symptom-diary" / "1.0"
    own = tmp_path / "own" / "symptom-diary" / "1.0"
    own.mkdir(parents=True)
    for file in source.glob("*.toml"):
        (own / file.name).write_bytes(file.read_bytes())
    (tmp_path / "own" / "published.toml").write_text("[sha256]\n", "utf-8")
    monkeypatch.setenv("DAYBOOK_QUESTIONNAIRES", str(tmp_path / "own"))
    assert "unknown_plan" in stopped(capsys, *DIARY, "--out", str(tmp_path / "out"))


def test_without_a_browser_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = stopped(capsys, *DIARY, "--out", str(tmp_path / "out"))
    assert "apt-get install chromium fonts-noto-cjk" in error
    assert not (tmp_path / "out").exists()


def test_a_browser_that_makes_no_picture_is_no_success(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho no display >&2\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    assert "made no picture: no display" in stopped(capsys, *DIARY, "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out" / "manifest.json").exists()
    program.write_text("#!/bin/sh\nexec sleep 5\n", "utf-8")
    monkeypatch.setattr("app.cli.screens.chromium.SECONDS", 0.1)
    with pytest.raises(OSError, match=r"nothing within 0\.1 seconds"):
        find_camera(360, 740).take_picture("<!doctype html>")


def test_the_manual_names_every_option_and_key(capsys: pytest.CaptureFixture[str]) -> None:
    manual = (ROOT / "docs" / "manual" / "screens.md").read_text("utf-8")
    with pytest.raises(SystemExit):
        parse_arguments(["screens", "--help"])
    options = set(re.findall(r"--[a-z]+", capsys.readouterr().out)) - {"--help"}
    assert options == set(re.findall(r"^\| `(--[a-z]+)", manual, re.MULTILINE))
    keys = set(
        re.findall(r"`([a-z0-9_]+)`", "".join(re.findall(r"^\| (`[a-z].*?) \|", manual, re.MULTILINE)))
    )
    settings = Settings.from_environment()
    library = load_library(settings.questionnaires, LANGUAGE_CODES)
    shown = make_studio(settings, library, library.get_instrument(*DIARY), "standard")
    assert keys == set(describe_export(shown, [], []))
