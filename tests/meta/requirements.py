"""The requirements, and the tests that cite them: `python -m tests.meta.requirements` writes the document."""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.meta.sources import ROOT, modules, nodes, position_of

DATA = ROOT / "docs" / "requirements.toml"
DOCUMENT = ROOT / "docs" / "requirements.md"

HEAD = """\
# Requirements

Written by `python -m tests.meta.requirements` from [requirements.toml](requirements.toml), which also names
where each rule comes from, and from the tests that cite a rule by `@pytest.mark.req("AUD-03")`. Change those
and run the command; a test compares.

A rule says how things are when it is met. A test named beside it proves the rule or a part of it. "not yet"
means that no test cites the rule: it may be met in part, but nothing here shows it.

MUST binds. MUST\\* binds only where forms may be filled in offline. SHOULD is recommended.
"""
TABLE = "| id | level | text | tests that prove it |\n|---|---|---|---|"


class Requirement(NamedTuple):
    """One rule: how binding it is, what it says in one line, and where it comes from."""

    level: str
    text: str
    source: str


@cache
def requirements() -> Mapping[str, Requirement]:
    """Every requirement by its id, in the order of the file."""
    return {name: Requirement(**rule) for name, rule in _data()["rules"].items()}


@cache
def groups() -> Mapping[str, str]:
    """The heading of each group by the letters that its ids begin with."""
    return dict(_data()["groups"])


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(DATA.read_text(encoding="utf-8"))


def levels() -> dict[str, str]:
    """Level (MUST, MUST*, SHOULD) of each requirement by its id."""
    return {name: requirement.level for name, requirement in requirements().items()}


def cited() -> Iterator[tuple[str, str]]:
    """Place and id of each `pytest.mark.req("…")`."""
    for module in modules("tests"):
        for node in nodes(module):
            if isinstance(node, ast.expr):
                for name in _ids(node):
                    yield position_of(module, node), name


def evidence() -> Mapping[str, list[str]]:
    """The tests that cite each id, as pytest names them, in alphabetical order."""
    names_by_id: dict[str, set[str]] = {}
    for module in modules("tests"):
        for function in nodes(module):
            if isinstance(function, ast.FunctionDef):
                test = f"{module.relative_to(ROOT).as_posix()}::{function.name}"
                for decorator in function.decorator_list:
                    for name in _ids(decorator):
                        names_by_id.setdefault(name, set()).add(test)
    return {name: sorted(tests) for name, tests in names_by_id.items()}


def _ids(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Call(
            func=ast.Attribute(attr="req", value=ast.Attribute(attr="mark", value=ast.Name(id="pytest"))),
            args=ids,
        ):
            yield from map(ast.literal_eval, ids)


def summary() -> str:
    """One line: how many binding requirements some test cites."""
    binding = {name for name, level in levels().items() if level.startswith("MUST")}
    covered = binding & {name for _, name in cited()}
    return f"requirements: {len(covered)} of {len(binding)} MUST are cited by a test"


def document() -> str:
    """The whole of docs/requirements.md."""
    tests = evidence()
    parts = [HEAD]
    for group, title in groups().items():
        rows = [
            row
            for name, requirement in requirements().items()
            if name.split("-")[0] == group
            for row in _rows(name, requirement, tests.get(name, []))
        ]
        parts.append("\n".join((f"## {title}", "", TABLE, *rows, "")))
    return "\n".join(parts)


def _rows(name: str, requirement: Requirement, tests: list[str]) -> Iterator[str]:
    """One line a test, so that a new one changes no other line; the rule stands in the first."""
    shown = [f"`{test}`" for test in tests] or ["not yet"]
    level = requirement.level.replace("*", "\\*")
    yield f"| {name} | {level} | {requirement.text} | {shown[0]} |"
    yield from (f"| | | | {test} |" for test in shown[1:])


def write(path: Path = DOCUMENT) -> None:
    """Write the document anew."""
    path.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    write()
