"""The command line, run as it is typed."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from tests.meta.sources import ROOT

Daybook = Callable[..., int]
RESPONSES = ROOT / "tests" / "reference" / "qlq-c30-responses.csv"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'data' / 'daybook.sqlite3'}"


@pytest.fixture
def daybook(monkeypatch: pytest.MonkeyPatch, url: str) -> Daybook:
    """Runs a command in this process on a database of the test's own."""
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", url)
    return lambda *words: main([str(word) for word in words])


def test_an_installation_is_set_up_from_the_command_line(
    daybook: Daybook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse battery\n", "utf-8")
    assert daybook("migrate") == 0
    assert daybook("load-study", "sbrt-nsclc", "--plan", "1.0") == 0
    site = ("open-site", "sbrt-nsclc", "0571", "--name", "Hangzhou", "--phone", "0571-1", "--hours", "8-17")
    assert daybook(*site) == 0
    with password.open() as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        user = ("create-user", "n@site.example", "--name", "N", "--role", "nurse", "--study", "sbrt-nsclc")
        assert daybook(*user, "--site", "0572") == 2
        assert daybook(*user, "--site", "0571") == 0
    assert daybook("create-client", "sbrt-nsclc", "--name", "EDC", "--scope", "scores:read") == 0
    told = capsys.readouterr().out
    assert "Authenticator secret" in told
    assert "correct horse" not in told
    assert "client_secret" in told
    assert daybook(*site) == 2
    assert "[site_exists]" in capsys.readouterr().err
    urgent = ("set-urgent-words", "sbrt-nsclc", "0571", "--language", "zh_CN", "--words")
    assert daybook(*urgent, "请立即致电病房") == 0
    assert daybook(*urgent, "长" * 121) == 2
    assert "[words_too_long]" in capsys.readouterr().err
    assert daybook("verify-audit") == 0
    assert "whole" in capsys.readouterr().out
    assert daybook("load-study", "sbrt-nsclc", "--plan", "9") == 2
    assert "unknown_plan" in capsys.readouterr().err
    assert daybook("disable-user", "n@site.example", "--reason", "left the hospital") == 0
    assert "n@site.example is disabled" in capsys.readouterr().out
    assert daybook("disable-user", "nobody@site.example", "--reason", "left") == 2


def test_questionnaires_are_checked_and_a_fault_is_told(
    daybook: Daybook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert daybook("check-questionnaires") == 0
    assert "qlq-c30@3.0: 65 golden rows" in capsys.readouterr().out
    (tmp_path / "published.toml").write_text('[sha256]\n"gone.toml" = "0"\n', "utf-8")
    monkeypatch.setenv("DAYBOOK_QUESTIONNAIRES", str(tmp_path))
    assert daybook("check-questionnaires", "--publish") == 1
    assert "gone.toml" in capsys.readouterr().err


def test_new_questionnaires_are_published(
    daybook: Daybook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "symptom-diary" / "1.0"
    folder.mkdir(parents=True)
    for file in (ROOT / "questionnaires" / "symptom-diary" / "1.0").glob("*.toml"):
        (folder / file.name).write_bytes(file.read_bytes())
    (tmp_path / "published.toml").write_text("[sha256]\n", "utf-8")
    monkeypatch.setenv("DAYBOOK_QUESTIONNAIRES", str(tmp_path))
    assert daybook("check-questionnaires", "--publish") == 0
    assert "published symptom-diary/1.0/instrument.toml" in capsys.readouterr().out


@pytest.mark.req("REP-05")
def test_scores_appear_whole_or_not_at_all(
    daybook: Daybook, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target, bad = tmp_path / "scores.csv", tmp_path / "bad.csv"
    assert daybook("score", "--instrument", "qlq-c30@3.0", RESPONSES, target) == 0
    assert len(target.read_text("utf-8").splitlines()) == len(RESPONSES.read_text("utf-8").splitlines())
    before = target.read_bytes()
    bad.write_bytes(RESPONSES.read_bytes()[:4000] + b"\xff\xff")
    for wrong in (bad, tmp_path / "missing.csv", ROOT / "LICENSE"):
        assert daybook("score", "--instrument", "qlq-c30@3.0", wrong, target) == 2
        assert capsys.readouterr().err.count("daybook: ") == 1
    gone = tmp_path / "gone"
    for answers, scores, told in ((gone, target, gone), (RESPONSES, gone / "scores.csv", gone)):
        assert daybook("score", "--instrument", "qlq-c30@3.0", answers, scores) == 2
        assert capsys.readouterr().err == f"daybook: {told}: No such file or directory\n"
    assert daybook("score", "--instrument", "qlq-c30@9", RESPONSES, target) == 2
    assert target.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"scores.csv", "bad.csv"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serve"], "not ready to serve"),
        (["serve", "--workers", "2"], "DAYBOOK_WORKERS"),
        (["health", "--url", "file:///etc/passwd"], "expected http"),
        (["health", "--url", "http://127.0.0.1:9/readyz"], "refused"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    daybook: Daybook, capsys: pytest.CaptureFixture[str], url: str, words: list[str], told: str
) -> None:
    Path(url.removeprefix("sqlite:///")).parent.mkdir()
    assert daybook(*words) != 0
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


@pytest.mark.req("AUD-04")
def test_an_altered_trail_is_told(daybook: Daybook, capsys: pytest.CaptureFixture[str], url: str) -> None:
    daybook("migrate")
    daybook("load-study", "sbrt-nsclc", "--plan", "1.0")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f"DROP TRIGGER {name}")
        file.execute("UPDATE audit_entry SET event = 'system:study:other'")
    file.close()
    assert daybook("verify-audit") == 1
    assert "was altered" in capsys.readouterr().err


def test_the_program_serves_and_stops_when_told(url: str) -> None:
    assert '"route":"/readyz","status":200' in _served_log(url, [])


@pytest.mark.slow
def test_several_processes_serve_on_postgresql(postgres_url: str) -> None:
    log = _served_log(postgres_url, ["--workers", "2"])
    assert log.count("Application startup complete") == 2


def _served_log(url: str, options: list[str]) -> str:
    """What a server logs that starts, answers whether it is ready, and is stopped."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, "DAYBOOK_DATABASE_URL": url}
    assert (
        subprocess.run(
            [sys.executable, "-m", "app", "migrate"], cwd=ROOT, env=environ, check=False
        ).returncode
        == 0
    )
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), *options]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert _ready(f"http://127.0.0.1:{port}/readyz") == 200
            assert main(["health", "--url", f"http://127.0.0.1:{port}/readyz"]) == 0
            assert main(["health", "--url", f"http://127.0.0.1:{port}/nope"]) == 1
        finally:
            server.terminate()
            log = server.communicate(timeout=60)[1]
    assert server.returncode in (0, -15)
    assert "Traceback" not in log
    return log


def _ready(url: str) -> int:
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except OSError:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.05)
