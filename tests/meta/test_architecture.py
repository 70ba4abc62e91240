"""The documents about the code name what there is: files, functions, recipes of ten lines, the four ways."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.meta.sources import ROOT, tree

ARCHITECTURE = ROOT / "docs" / "architecture.md"
CONTRIBUTING = ROOT / "docs" / "CONTRIBUTING.md"
DOCUMENTS = (ARCHITECTURE, CONTRIBUTING)
WAYS = ("answer", "sending", "reminder", "EDC pull")
RECIPES = ("an instrument", "a plan", "a staff role", "a message channel", "a page", "a migration")
LONGEST_RECIPE = 10
LONGEST_LINE = 120
TEMPLATED = frozenset("<{")
"""In a path: a part that the reader puts in place of."""

FILE = r"`([\w./-]+\.(?:py|js|html|toml))`"
PAIR = re.compile(FILE + r"\s+(`[^`]+`(?:,\s+`[\w.]+`)*)")
PATH = re.compile(r"`((?:app|tests|alembic|docs|questionnaires|\.ci)/[^`\s]*)`")
STEP = re.compile(r"^(\d+)\. (.*(?:\n   .*)*)", re.MULTILINE)


def _text(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def _pairs() -> list[tuple[str, str]]:
    """Each file with each name that follows it directly or by commas."""
    pairs = [pair for document in DOCUMENTS for pair in PAIR.findall(_text(document))]
    return sorted({(path, name) for path, names in pairs for name in re.findall(r"`([^`]+)`", names)})


def _sections(document: Path, level: int) -> Mapping[str, str]:
    """The text under each heading of this level, by heading."""
    parts = re.split(rf"^#{{{level}}} (.+)$", _text(document), flags=re.MULTILINE)
    return {
        heading: re.split(rf"^#{{1,{level}}} ", body, maxsplit=1, flags=re.MULTILINE)[0]
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    }


@cache
def _names(module: Path) -> frozenset[str]:
    """What a Python file defines: functions, classes and constants, and members as `Class.member`."""
    return frozenset(_defined(tree(module)))


def _defined(scope: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in scope.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
                yield from (f"{name}.{member}" for member in _defined(node))
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def _is_in(file: Path, name: str) -> bool:
    if file.suffix == ".py":
        return name in _names(file)
    return re.search(rf"\b{re.escape(name)}\b", _text(file)) is not None


@pytest.mark.parametrize(("path", "name"), _pairs(), ids=lambda part: part)
def test_what_is_named_beside_a_file_is_in_it(path: str, name: str) -> None:
    assert (ROOT / path).is_file()
    assert _is_in(ROOT / path, name)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_named_path_exists(document: Path) -> None:
    named = {path for path in PATH.findall(_text(document)) if not TEMPLATED & set(path)}
    assert named
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_a_name_that_is_not_there_is_noticed() -> None:
    ticker = ROOT / "app/jobs/ticker.py"
    assert _is_in(ticker, "Ticker.start")
    assert not _is_in(ticker, "start")
    assert not _is_in(ticker, "Ticker.tick")
    outbox = ROOT / "app/static/js/runner/outbox.js"
    assert _is_in(outbox, "addRecord")
    assert not _is_in(outbox, "addRec")


@pytest.mark.parametrize("way", WAYS)
def test_a_way_is_listed_step_by_step(way: str) -> None:
    (body,) = (
        body
        for heading, body in _sections(ARCHITECTURE, 2).items()
        if re.fullmatch(rf"The way of an? {way}", heading)
    )
    steps = STEP.findall(body)
    assert len(steps) >= 8
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert [number for number, step in steps if not (PAIR.search(step) or "`204`" in step)] == []


def test_every_room_stands_in_the_table() -> None:
    rows = set(re.findall(r"^\| `(app/[^`]+)` \|", _text(ARCHITECTURE), re.MULTILINE))
    folders = {path.name for path in (ROOT / "app").iterdir() if (path / "__init__.py").is_file()}
    assert folders == {row.split("/")[1] for row in rows if (ROOT / row).is_dir()} | {
        row.split("/")[1] for row in rows if row.count("/") > 1
    }
    for split in ("app/domain", "app/storage"):
        below = {path.name for path in (ROOT / split).iterdir() if (path / "__init__.py").is_file()}
        assert {f"{split}/{name}" for name in below} <= rows


def test_the_areas_of_the_use_cases_stand_in_their_order() -> None:
    contract = re.search(
        r'containers = \["app\.services"\]\s+exhaustive = true\s+layers = \[(.*?)\]',
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert contract
    lowest_first = [set(re.findall(r"\w+", line)) for line in reversed(re.findall(r'"(.*?)"', contract[1]))]
    areas = [
        set(re.findall(r"`(\w+)`", line))
        for line in re.findall(
            r"^\d\. ((?:`\w+`(?:, )?)+):", _sections(ARCHITECTURE, 2)["The rooms"], re.MULTILINE
        )
    ]
    assert areas == lowest_first


@pytest.mark.parametrize("what", RECIPES)
def test_a_recipe_has_ten_lines_at_most(what: str) -> None:
    lines = [line for line in _sections(CONTRIBUTING, 3)[f"Add {what}"].splitlines() if line.strip()]
    assert 0 < len(lines) <= LONGEST_RECIPE
    assert [line for line in lines if len(line) > LONGEST_LINE] == []
