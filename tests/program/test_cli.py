"""The command line, run as it is typed."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.cli import COMMANDS, main, parse_arguments
from app.cli.checks import print_report, show_progress
from app.services.audit.audit_verification import TrailReport
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


HEAVY = {
    "fastapi",
    "starlette",
    "pydantic",
    "sqlalchemy",
    "sqlmodel",
    "alembic",
    "jinja2",
    "babel",
    "uvicorn",
}
"""What `daybook --help` and `daybook health` must not wait for."""
LIST_MODULES = """
import sys
from app.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
print(code, *sys.modules)
"""


def code_and_modules(*words: str) -> tuple[str, set[str]]:
    """The exit code of a command in a process of its own, and the modules that were loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    code, *names = done.stdout.splitlines()[-1].split()
    return code, set(names)


def test_help_names_every_command_and_loads_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert [name for name, (_, summary) in COMMANDS.items() if f"{name} {summary}" not in shown] == []
    code, modules = code_and_modules("--help")
    assert code == "0"
    assert HEAVY & modules == set()
    assert {name for name in modules if name.startswith("app.")} == {
        "app.cli",
        "app.cli.loading",
        "app.domain",
        "app.domain.refusal",
    }


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/readyz", "file:///etc/passwd"])
def test_health_loads_no_web_framework_and_no_database_library(url: str) -> None:
    code, modules = code_and_modules("health", "--url", url)
    assert code in ("2", "3")
    assert HEAVY & modules == set()


def test_a_refusal_s_words_are_loaded_once_something_is_refused() -> None:
    unknown = ("score", "--instrument", "qlq-c30@9", "in.csv", "out.csv")
    code, modules = code_and_modules(*unknown)
    assert code == "2"
    assert "app.web.refusal_messages" in modules


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_declares_its_arguments(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments([name, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: daybook {name} ")
    assert COMMANDS[name][1] in " ".join(shown.split())


def test_an_unknown_command_is_refused_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serf"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"daybook: unknown command 'serf'; expected one of {', '.join(COMMANDS)}"
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2


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
        typed.seek(0)  # nothing was made, so the same is typed again
        assert daybook(*user, "--site", "0571") == 0
    assert daybook("create-client", "sbrt-nsclc", "--name", "EDC", "--scope", "scores:read") == 0
    output = capsys.readouterr().out
    assert "Authenticator secret" in output
    assert "correct horse" not in output
    assert "client_secret" in output
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
    invited = ("--name", "M", "--role", "monitor", "--study", "sbrt-nsclc", "--reason", "visits")
    assert daybook("invite-user", "m@site.example", *invited, "--site", "0572") == 2
    assert daybook("invite-user", "m@site.example", *invited) == 0
    assert "/desk/join/" in capsys.readouterr().out
    assert daybook("disable-user", "n@site.example", "--reason", "left the hospital") == 0
    assert "n@site.example is disabled" in capsys.readouterr().out
    assert daybook("disable-user", "nobody@site.example", "--reason", "left") == 2
    assert daybook("enable-user", "n@site.example", "--reason", "is back") == 0
    assert "n@site.example is enabled" in capsys.readouterr().out
    assert daybook("reset-user", "n@site.example", "--reason", "phone lost", "--what", "second_factor") == 0
    assert "/desk/join/" in capsys.readouterr().out


def test_questionnaires_are_checked_and_a_fault_is_named(
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
    report = ("--report", tmp_path / "report.csv")
    assert daybook("score", "--instrument", "qlq-c30@3.0", *report, RESPONSES, target) == 0
    assert target.read_bytes() == before
    assert "file,,rows,1201\n" in report[1].read_text("utf-8")
    report[1].unlink()
    assert daybook("score", "--instrument", "qlq-c30@3.0", "--report", target, RESPONSES, target) == 3
    assert capsys.readouterr().err.endswith(f"daybook: {target}: File exists\n")
    bad.write_bytes(RESPONSES.read_bytes()[:4000] + b"\xff\xff")
    for wrong, code in ((bad, 2), (tmp_path / "missing.csv", 3), (ROOT / "LICENSE", 2)):
        assert daybook("score", "--instrument", "qlq-c30@3.0", *report, wrong, target) == code
        assert capsys.readouterr().err.count("daybook: ") == 1
    gone = tmp_path / "gone"
    for answers, scores, expected in ((gone, target, gone), (RESPONSES, gone / "scores.csv", gone)):
        assert daybook("score", "--instrument", "qlq-c30@3.0", answers, scores) == 3
        assert capsys.readouterr().err == f"daybook: {expected}: No such file or directory\n"
    assert daybook("score", "--instrument", "qlq-c30@9", RESPONSES, target) == 2
    assert target.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"scores.csv", "bad.csv"}


def test_a_stray_quote_ends_in_a_line_and_no_scores(
    daybook: Daybook, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answers, target = tmp_path / "answers.csv", tmp_path / "scores.csv"
    header = ",".join(["row", *(f"q{number}" for number in range(1, 31))])
    lines = [header, *(f"{row}," + ",".join("2" * 30) for row in range(1, 1001))]
    answers.write_text("\n".join(lines), "utf-8")
    score = ("score", "--instrument", "qlq-c30@3.0")
    assert daybook(*score, answers, target) == 0
    assert capsys.readouterr().err == "1001 lines read, 1000 rows scored, 0 with flags.\n"
    target.unlink()
    lines[500] = lines[500].replace(",", ',"', 1)
    answers.write_text("\n".join(lines), "utf-8")
    assert daybook(*score, answers, target) == 2
    assert capsys.readouterr().err.startswith(
        "daybook: Line 501 opens a quotation that continues on the next line."
    )
    assert daybook(*score, "--allow-line-breaks", answers, target) == 2
    assert capsys.readouterr().err.startswith("daybook: Line 501 opens a quotation that does not end.")
    assert not target.exists()


def test_what_a_file_holds_moves_no_terminal(
    daybook: Daybook, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text(",".join(["row", *(["a\x1b[31m\u202e"] * 20_000)]) + "\n1\n", "utf-8")
    assert daybook("score", "--instrument", "qlq-c30@3.0", answers, tmp_path / "scores.csv") == 2
    said = capsys.readouterr().err.removesuffix("\n")
    assert said.isprintable()
    assert len(said) < 2_100
    assert daybook("score", "--instrument", "qlq-c30@3.0", RESPONSES, tmp_path) == 3
    assert capsys.readouterr().err.startswith(f"daybook: {tmp_path}: ")


def test_codes_for_missing_are_declared(
    daybook: Daybook, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answers, target = tmp_path / "answers.csv", tmp_path / "scores.csv"
    header = ";".join(f"q{number}" for number in range(1, 31))
    answers.write_text(f"{header}\nNA;.;-9{';2' * 27}\n", "utf-8")
    score = ("score", "--instrument", "qlq-c30@3.0", "--missing")
    assert daybook(*score, "NA, .,-9,", answers, target) == 0
    assert "1 rows scored, 0 with flags." in capsys.readouterr().err
    assert daybook(*score, "NA,.,3", answers, target) == 2
    assert "3 cannot stand for a missing answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["serve"], "no such file"),
        (["serve", "--workers", "2"], "DAYBOOK_WORKERS"),
        (["health", "--url", "file:///etc/passwd"], "expected http"),
        (["health", "--url", "http://127.0.0.1:9/readyz"], "refused"),
        (["score", "--instrument", "\x1b[31m@\n", "in.csv", "out.csv"], "\\x1b[31m@"),
        (
            ["screens", "no\u202e", "9.9", "--out", "out"],
            "There is no such instrument: no\\u202e@9.9. There are",
        ),
    ],
)
def test_a_refused_command_prints_one_line(
    daybook: Daybook, capsys: pytest.CaptureFixture[str], url: str, words: list[str], expected: str
) -> None:
    Path(url.removeprefix("sqlite:///")).parent.mkdir()
    assert daybook(*words) != 0
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said
    assert said.removesuffix("\n").isprintable()


def _shift_trail(url: str, days: int) -> None:
    """Date every entry of the trail by so many days later."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
        file.execute("DROP TRIGGER audit_entry_no_update")
        file.execute("UPDATE audit_entry SET at = datetime(at, ?)", (f"{days:+} days",))
    file.close()


@pytest.mark.req("TIM-04")
@pytest.mark.parametrize(
    ("days", "expected"), [(1, "but the newest entry"), (-9, "long after the newest entry")]
)
def test_a_clock_that_the_trail_contradicts_is_confirmed(
    daybook: Daybook, capsys: pytest.CaptureFixture[str], url: str, days: int, expected: str
) -> None:
    daybook("migrate")
    daybook("load-study", "sbrt-nsclc", "--plan", "1.0")
    _shift_trail(url, days)
    site = ("open-site", "sbrt-nsclc", "0571", "--name", "Hangzhou", "--phone", "0571-1", "--hours", "8-17")
    assert daybook(*site) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert "daybook clock confirm --reason" in said
    assert daybook("clock", "confirm", "--reason", " ") == 2
    assert daybook("clock", "confirm", "--reason", "compared with the telephone") == 0
    assert "is confirmed" in capsys.readouterr().out
    assert daybook(*site) == 0


@pytest.mark.req("TIM-04")
def test_a_server_does_not_start_behind_the_trail(
    daybook: Daybook, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    daybook("migrate")
    daybook("load-study", "sbrt-nsclc", "--plan", "1.0")
    _shift_trail(url, 1)
    assert daybook("serve") == 2
    assert "but the newest entry" in capsys.readouterr().err


@pytest.mark.req("AUD-04")
def test_an_altered_trail_is_reported(daybook: Daybook, capsys: pytest.CaptureFixture[str], url: str) -> None:
    daybook("migrate")
    daybook("load-study", "sbrt-nsclc", "--plan", "1.0")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f"DROP TRIGGER {name}")
        file.execute("UPDATE audit_entry SET event = 'system:study:other'")
    file.close()
    assert daybook("verify-audit") == 1
    assert "was altered" in capsys.readouterr().err


@pytest.mark.req("AUD-04")
def test_an_intact_trail_prints_its_heads(
    daybook: Daybook, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    daybook("migrate")
    daybook("load-study", "sbrt-nsclc", "--plan", "1.0")
    heads = tmp_path / "heads.ndjson"
    assert daybook("verify-audit", "--save-heads", heads) == 0
    said = capsys.readouterr().out
    assert "a wholly rewritten trail cannot be seen" in said
    assert said.endswith("The trail is whole.\n")
    assert daybook("verify-audit", "--heads", heads) == 0
    assert "1 external heads compared" in capsys.readouterr().out
    heads.write_text("no head\n", "utf-8")
    assert daybook("verify-audit", "--heads", heads) == 2
    assert "line 1 holds no head of the trail" in capsys.readouterr().err
    assert daybook("verify-audit", "--heads", tmp_path / "none") == 3


def test_a_verification_that_cannot_look_says_so_in_one_line(
    daybook: Daybook, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daybook("verify-audit") == 3
    said = capsys.readouterr()
    assert said.err.startswith("daybook: the database cannot be used: ")
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


def test_a_verification_that_misses_a_table_finds_no_fault_of_the_trail(
    daybook: Daybook,
    migrated_sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", migrated_sqlite_url)
    with closing(sqlite3.connect(migrated_sqlite_url.removeprefix("sqlite:///"))) as file:
        file.execute("ALTER TABLE audit_chain RENAME TO gone")
    assert daybook("verify-audit") == 3
    assert capsys.readouterr().err == "daybook: the database could not be read: no such table: audit_chain\n"


def test_a_verification_prints_what_it_could_not_prove(capsys: pytest.CaptureFixture[str]) -> None:
    show_progress(5000)
    print_report(TrailReport(entries=9, old_entries=2, unproven=3, unscored=4, redacted=5), heads=1)
    output = capsys.readouterr()
    assert output.err == "5,000 entries\n"
    assert "2 entries do not say" in output.out
    assert "Not scored again: 4 responses" in output.out
    assert "the words of 5 reasons" in output.out
    assert "rewritten" not in output.out
