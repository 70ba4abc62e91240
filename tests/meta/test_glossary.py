"""The glossary has every class of the domain, names only what exists, and gives each word one row."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from tests.meta.sources import ROOT, modules, tree

APP, GLOSSARY = ROOT / "app", ROOT / "docs" / "glossary.md"


class Row(NamedTuple):
    """One line of a table of the glossary."""

    word: str
    meaning: str
    code: str
    aliases: str


@cache
def rows() -> tuple[Row, ...]:
    lines = [line for line in GLOSSARY.read_text("utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return tuple(Row(*row) for row in cells if row[0] not in ("word", "---"))


def code_names() -> Iterator[tuple[str, str]]:
    """Module and name of all that the glossary points at; a path holds for the names up to the next path."""
    for row in rows():
        module = ""
        for quoted in re.findall(r"`([^`]+)`", row.code):
            if quoted.endswith(".py"):
                module = quoted
            else:
                yield module, quoted


@cache
def names_in(module: str) -> frozenset[str]:
    """What a module defines at its top, and what its classes define, as `Class.name`."""
    path = (ROOT if module.startswith("tests/") else APP) / module
    return frozenset(_names(tree(path).body)) if path.is_file() else frozenset()


def _names(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.ClassDef(name=name):
                yield name
                yield from (f"{name}.{inner}" for inner in _names(node.body))
            case (
                ast.FunctionDef(name=name)
                | ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name))
            ):
                yield name


def domain_classes() -> list[tuple[str, str]]:
    return [
        (path.relative_to(APP).as_posix(), node.name)
        for path in modules("app/domain")
        for node in tree(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def test_every_public_class_of_the_domain_stands_in_one_row() -> None:
    times = Counter(code_names())
    assert domain_classes()
    assert [f"{module} {name}" for module, name in domain_classes() if times[module, name] != 1] == []


def test_every_name_in_the_code_column_exists() -> None:
    assert [f"{module} {name}" for module, name in code_names() if name not in names_in(module)] == []


def test_no_word_has_two_meanings() -> None:
    """Neither is it defined twice, nor is it an alias of another word."""
    aliases = [alias.strip(" `") for row in rows() for alias in row.aliases.split(",") if alias]
    words = Counter(word.casefold() for word in [*(row.word for row in rows()), *aliases])
    assert [word for word, times in words.items() if times > 1] == []


def test_every_word_has_a_meaning() -> None:
    assert [row.word for row in rows() if not row.meaning.endswith(".")] == []
