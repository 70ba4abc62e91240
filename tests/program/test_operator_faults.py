"""What an operator can mend is told in one line, and the exit code says of what kind it is."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app.cli import COMMANDS, ExitCode, main
from app.storage.database.sqlite_file import serving_lock
from app.storage.revisions import head_revision
from tests.meta.sources import ROOT
from tests.program.programs import Ended, run_at_once
from tests.servers import free_socket

AWAY = "postgresql+psycopg://me:test-only@127.0.0.1:9/daybook"
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "score": ("--instrument", "qlq-c30@3.0", "missing.csv", "out.csv"),
    "screens": ("qlq-c30", "3.0", "--out", "out"),
    "load-study": ("sbrt-nsclc", "--plan", "1.0"),
    "amend": ("sbrt-nsclc", "--plan", "1.1", "--reason", "amendment 1"),
    "open-site": ("sbrt-nsclc", "0571", "--name", "H", "--phone", "1", "--hours", "8-17"),
    "set-urgent-words": ("sbrt-nsclc", "0571", "--language", "en", "--words", "Call"),
    "create-user": ("n@s.example", "--name", "N", "--role", "nurse", "--study", "sbrt-nsclc"),
    "invite-user": (
        *("n@s.example", "--name", "N", "--role", "nurse", "--study", "sbrt-nsclc"),
        *("--reason", "new"),
    ),
    "disable-user": ("n@s.example", "--reason", "left"),
    "enable-user": ("n@s.example", "--reason", "back"),
    "reset-user": ("n@s.example", "--reason", "phone lost"),
    "create-client": ("sbrt-nsclc", "--name", "EDC", "--scope", "scores:read"),
    "import-pack": ("missing.toml", "--study", "sbrt-nsclc"),
    "add-secret": ("c",),
    "retire-secret": ("c",),
    "disable-client": ("c", "--reason", "left"),
    "health": ("--url", "http://127.0.0.1:9/readyz"),
    "clock": ("confirm", "--reason", "was set right"),
    "restore": ("--mark",),
    "cut": ("sbrt-nsclc", "IA1", "--purpose", "interim"),
    "cuts": ("sbrt-nsclc",),
    "compare-cuts": ("sbrt-nsclc", "IA1", "IA2", "out.csv", "--purpose", "interim"),
    "export": ("sbrt-nsclc", "--cut", "IA1", "--to", "out", "--purpose", "interim"),
    "recheck": ("sbrt-nsclc", "--cut", "IA1"),
}
NO_DATABASE = {"check-questionnaires", "screens"}
"""Commands that look at files alone, and at files that are there."""
NO_DEFINITIONS = {"migrate", "health"}
NO_SETTINGS = {"health"}

Ran = tuple[int, str]


@pytest.fixture
def daybook(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs a command in this process; gives its exit code and what it said on standard error."""

    def run(url: str, *words: str) -> Ran:
        monkeypatch.setenv("DAYBOOK_DATABASE_URL", url)
        capfd.readouterr()
        code = main(words)
        return code, capfd.readouterr().err

    return run


def is_one_line(said: str) -> bool:
    return said.startswith("daybook: ") and said.endswith("\n") and said.count("\n") == 1


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - NO_DATABASE))
@pytest.mark.parametrize("kind", ["postgresql", "sqlite", "text"])
def test_every_command_says_in_a_line_that_it_could_not_look(
    daybook: Callable[..., Ran], tmp_path: Path, kind: str, command: str
) -> None:
    """The server is away; the file is missing where it is looked for, or is no database."""
    other = tmp_path / "other"
    other.write_bytes(b"no database at all, but long enough to be taken for one\n" * 100)
    missing = tmp_path / "missing.sqlite3"
    url = {"postgresql": AWAY, "sqlite": f"sqlite:///{missing}", "text": f"sqlite:///{other}"}[kind]
    if kind == "sqlite" and command in ("migrate", "demo"):
        pytest.skip("this command makes the file")
    code, said = daybook(url, command, *ARGUMENTS.get(command, ()))
    assert (code, is_one_line(said)) == (3, True), said
    assert "test-only" not in said
    assert not missing.exists()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_same_fault_ends_every_command_by_the_same_code(
    daybook: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
    migrated_sqlite_url: str,
    tmp_path: Path,
    command: str,
) -> None:
    """2 for what was typed or set wrongly, 3 for definitions that are not there, or are a device."""
    words = ARGUMENTS.get(command, ())
    with pytest.raises(SystemExit) as ended:
        daybook(migrated_sqlite_url, command, *words, "--no-such-argument")
    assert ended.value.code == ExitCode.UNUSABLE
    if command not in NO_SETTINGS:
        monkeypatch.setenv("DAYBOOK_MODE", "neither")
        code, said = daybook(migrated_sqlite_url, command, *words)
        assert (code, is_one_line(said), "DAYBOOK_MODE" in said) == (ExitCode.UNUSABLE, True, True)
        monkeypatch.delenv("DAYBOOK_MODE")
    if command in NO_DEFINITIONS:
        return
    for number, target in enumerate((tmp_path / "nothing", Path("/proc"), Path("/dev/zero"))):
        link = tmp_path / str(number)
        link.symlink_to(target)
        monkeypatch.setenv("DAYBOOK_QUESTIONNAIRES", str(link))
        code, said = daybook(migrated_sqlite_url, command, *words)
        assert (code, is_one_line(said), said[:-1].isprintable()) == (ExitCode.COULD_NOT_LOOK, True, True)


def test_a_database_of_another_version_is_named(daybook: Callable[..., Ran], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    sqlite3.connect(tmp_path / "empty.sqlite3").close()
    for command in ("verify-audit", "load-study", "check-packs"):
        code, said = daybook(url, command, *ARGUMENTS.get(command, ()))
        assert (code, is_one_line(said), "daybook migrate" in said) == (3, True, True)
    code, said = daybook(url, "serve")
    assert (code, "revision" in said) == (3, True)


def test_a_wrong_key_is_refused_at_start(
    daybook: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before it serves, or does anything else."""
    url = f"sqlite:///{tmp_path / 'daybook.sqlite3'}"
    assert daybook(url, "migrate")[0] == 0
    assert daybook(url, "load-study", *ARGUMENTS["load-study"])[0] == 0
    monkeypatch.setenv("DAYBOOK_KEY", "B" * 42 + "E=")
    for command in ("serve", "verify-audit", "open-site", "create-user"):
        code, said = daybook(url, command, *ARGUMENTS.get(command, ()))
        assert (code, is_one_line(said), "key" in said) == (2, True, True)


def test_a_port_in_use_is_named(daybook: Callable[..., Ran], migrated_sqlite_url: str) -> None:
    listener = free_socket()
    listener.listen()
    port = listener.getsockname()[1]
    file = Path(migrated_sqlite_url.removeprefix("sqlite:///"))
    for command in (("serve",), ("demo",), ("demo", "--reset")):
        before = file.read_bytes()
        output = daybook(migrated_sqlite_url, *command, "--port", str(port))
        assert output == (3, f"daybook: 127.0.0.1:{port}: Address already in use\n")
        unchanged = file.read_bytes() == before
        assert unchanged or command == ("serve",), "nothing is made for a server that cannot start"
    listener.close()
    code, said = daybook(migrated_sqlite_url, "serve", "--host", "no such host")
    assert (code, is_one_line(said)) == (3, True)


def test_one_sqlite_file_has_one_server(
    daybook: Callable[..., Ran], migrated_sqlite_url: str, tmp_path: Path
) -> None:
    """Whatever address leads to it; commands beside it are no servers."""
    (tmp_path / "other.sqlite3").symlink_to(migrated_sqlite_url.removeprefix("sqlite:///"))
    with serving_lock(migrated_sqlite_url):
        for url in (migrated_sqlite_url, f"sqlite:///{tmp_path / 'other.sqlite3'}"):
            for command in (("serve",), ("demo",), ("demo", "--reset")):
                code, said = daybook(url, *command)
                assert (code, is_one_line(said), "another process serves this file" in said) == (
                    3,
                    True,
                    True,
                )
        assert daybook(migrated_sqlite_url, "verify-audit")[0] == 0
    with serving_lock(migrated_sqlite_url), serving_lock("postgresql+psycopg://u@/d"):
        pass


def test_workers_must_fit_the_server(daybook: Callable[..., Ran], migrated_postgres_url: str) -> None:
    code, said = daybook(migrated_postgres_url, "serve", "--workers", "64")
    assert (code, is_one_line(said), "DAYBOOK_WORKERS = 64: at most" in said) == (2, True, True)


def test_two_migrations_at_once_both_end_well(database_url: str, tmp_path: Path) -> None:
    """The second waits, and then says that the database is at the newest revision."""
    said = f"The database is at the newest revision, {head_revision()}.\n"
    assert run_at_once(2, database_url, tmp_path, "migrate") == [Ended(0, said, "")] * 2


def full_disk() -> None:
    """No file of this process may grow."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'daybook.sqlite3'}"
    (program,) = run_at_once(1, url, tmp_path, "migrate", prepare=full_disk)
    said = program.err
    assert (program.code, is_one_line(said), "cannot write" in said) == (3, True, True), said
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "app", "check-questionnaires"]
        done = subprocess.run(words, check=False, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (3, "daybook: No space left on device\n")
