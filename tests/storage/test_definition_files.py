"""Whatever lies in the questionnaires' folder: one sentence that names it, soon, and never a wait."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from app.definitions.golden import check_golden
from app.definitions.library import LOCK, load_library
from app.definitions.reading import MOST_BYTES, list_definitions, read_definition
from app.domain.refusal import BadDefinition, UnreadableDefinition
from app.i18n.languages import LANGUAGE_CODES
from tests.domain.hostile_files import HOSTILE_TOML

SHIPPED = Path(__file__).parents[2] / "questionnaires"
FILES = (
    "published.toml",
    "plans/sbrt-nsclc/1.0.toml",
    "qlq-c30/3.0/instrument.toml",
    "qlq-c30/3.0/text.en.toml",
    "qlq-c30/3.0/golden.csv",
)
LONGEST = 1.5
"""Seconds of this process's own work: a whole library is read, and the hostile file."""


def make_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


def make_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def make_long_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)


THINGS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "folder": lambda path: path.mkdir(),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "empty device": lambda path: path.symlink_to("/dev/null"),
    "link to nothing": make_link_to_nothing,
    "link to itself": make_link_to_itself,
    "file of the kernel": lambda path: path.symlink_to("/proc/self/mem"),
    "long file": make_long_file,
    "not UTF-8": lambda path: path.write_bytes(b"a = '\xd6\xd0'"),
    "UTF-16": lambda path: path.write_bytes('a = "b"'.encode("utf-16")),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The shipped definitions, none published."""
    copy = Path(shutil.copytree(SHIPPED, tmp_path / "questionnaires"))
    (copy / LOCK).write_text("[sha256]\n", "utf-8")
    return copy


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("thing", THINGS)
def test_what_is_no_plain_file_of_text_is_refused_without_a_wait(root: Path, file: str, thing: str) -> None:
    path = root / file
    path.unlink()
    THINGS[thing](path)
    begun = time.process_time()
    with pytest.raises(BadDefinition) as refused:
        check_golden(load_library(root, LANGUAGE_CODES))
    assert time.process_time() - begun < LONGEST
    assert str(refused.value).isprintable()
    assert refused.value.file == file


def test_a_folder_that_cannot_be_read_through_is_refused(tmp_path: Path) -> None:
    """The kernel's folder of processes, one of which ends meanwhile, fails like this one."""
    with pytest.raises(UnreadableDefinition, match="File name too long': a folder of files"):
        list_definitions(tmp_path / ("x" * 300), "*/*.toml")


def test_a_file_that_went_while_it_was_looked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDefinition, match="No such file"):
        read_definition(tmp_path / "nothing.toml", "nothing.toml")
    with pytest.raises(BadDefinition, match="a plain file that can be read"):
        read_definition(tmp_path / "a\0b", "a\0b")


def test_the_longest_file_is_read_with_its_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"# \r\n" + b"x" * (MOST_BYTES - 4))
    assert read_definition(file, "a.toml").startswith("# \r\nxx")


@pytest.mark.parametrize("hostile", sorted(HOSTILE_TOML)[::6])
def test_the_command_says_one_sentence(
    root: Path, hostile: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAYBOOK_QUESTIONNAIRES", str(root))
    (root / "qlq-c30/3.0/instrument.toml").write_text(HOSTILE_TOML[hostile], "utf-8")
    assert main(["check-questionnaires"]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("daybook: qlq-c30/3.0/instrument.toml: ")
