"""The commands that the documents promise are the commands that there are."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import parse_arguments
from tests.meta.sources import ROOT

DEMO = "sh .ci/setup && .venv/bin/daybook demo"
TESTS = "sh .ci/setup dev && .venv/bin/python -m tests"
BLOCK = re.compile(r"^```(?:sh|shell|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:[\w./]+/)?daybook [^`]+)`")
PROGRAM = re.compile(r"^(?:\S*/)?daybook$")
ENDS = {"&&", "||", "|", ";", ">", ">>", "<", "2>", "&"}


def _lines(document: Path) -> Iterator[str]:
    for block in BLOCK.findall(document.read_text(encoding="utf-8")):
        yield from block.replace("\\\n", " ").splitlines()


def _quoted(document: Path) -> Iterator[list[str]]:
    """The arguments of each call of the program: in the document's shell blocks, and in its sentences.

    A sentence that names a command without options speaks of it and shows no call.
    """
    text = document.read_text(encoding="utf-8")
    inline = (line for line in INLINE.findall(BLOCK.sub("", text)) if " --" in line)
    for line in (*_lines(document), *inline):
        words = shlex.split(line.removeprefix("$ "), comments=True)
        for start, word in enumerate(words):
            begins = start == 0 or words[start - 1] in ENDS or "=" in words[start - 1]
            if begins and PROGRAM.match(word):
                rest = words[start + 1 :]
                yield rest[: next((n for n, one in enumerate(rest) if one in ENDS), len(rest))]


def test_the_readme_holds_the_two_commands_once() -> None:
    lines = [line.strip() for line in _lines(ROOT / "README.md")]
    assert [lines.count(DEMO), lines.count(TESTS)] == [1, 1]
    assert [line for line in lines if line.startswith("sh .ci/")] == [DEMO, TESTS]


def test_the_run_of_the_project_is_the_second_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == TESTS
    assert [line for line in lines if line and not line.startswith("#")][-2] == 'cd "$(dirname "$0")/.."'


@pytest.mark.parametrize(
    "document",
    [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_program_understands_every_quoted_command(document: Path) -> None:
    misunderstood: list[str] = []
    for arguments in _quoted(document):
        try:
            parse_arguments(arguments)
        except SystemExit:
            misunderstood.append(shlex.join(["daybook", *arguments]))
    assert not misunderstood
