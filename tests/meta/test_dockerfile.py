"""The image: built in stages, run by nobody special, writing only to /data."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from app.cli import parse_arguments
from tests.meta.sources import ROOT
from tests.tools import tool

if TYPE_CHECKING:
    from dockerfile_steps import Step

read_steps: "Callable[[], tuple[Step, ...]]" = tool("dockerfile_steps").read_steps


def _last(word: str) -> "Step":
    return [step for step in read_steps() if step.word == word][-1]


def _stage_of_use() -> int:
    return read_steps()[-1].stage


def test_what_builds_is_not_what_runs() -> None:
    assert [step.word for step in read_steps()].count("FROM") > 1
    final = [step for step in read_steps() if step.stage == _stage_of_use()]
    assert not [step for step in final if step.word == "RUN" and re.search(r"\bpip\b|apt-get", step.rest)]


def test_it_runs_as_an_unprivileged_number() -> None:
    """A number, because an orchestrator that refuses root cannot look a name up."""
    words = [step.word for step in read_steps()]
    assert int(_last("USER").rest) > 0
    assert "RUN" not in words[words.index("USER") :]


def test_only_data_is_written() -> None:
    assert _last("VOLUME").rest == "/data"
    assert "PYTHONDONTWRITEBYTECODE=1" in _last("ENV").rest
    owned = [step for step in read_steps() if "chown" in step.rest or " -o " in step.rest]
    assert [re.findall(r"\S+$", step.rest) for step in owned] == [["/data"]]


@pytest.mark.parametrize("word", ["ARG", "ENV", "COPY", "RUN"])
def test_no_secret_is_baked_in(word: str) -> None:
    telling = re.compile(r"secret|password|token|\bkey\b|\.env\b", re.IGNORECASE)
    assert [step.rest for step in read_steps() if step.word == word and telling.search(step.rest)] == []


def test_every_copied_file_exists_and_reaches_the_builder() -> None:
    sources = [
        source
        for step in read_steps()
        if step.word == "COPY" and "--from" not in step.rest
        for source in step.words()[:-1]
    ]
    admitted = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if f"!{source}" not in admitted] == []


def test_packages_come_from_the_lock_with_hashes() -> None:
    installs = [step.rest for step in read_steps() if step.word == "RUN" and "pip install" in step.rest]
    assert installs
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


@pytest.mark.parametrize("word", ["CMD", "HEALTHCHECK"])
def test_the_program_understands_what_the_image_starts(word: str) -> None:
    program, *arguments = _last(word).command()
    assert program == "daybook"
    assert parse_arguments(arguments).command == arguments[0]
