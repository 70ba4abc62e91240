"""Every requirement that a test cites exists; the run says which are covered."""

import ast
from collections.abc import Iterator

import pytest

from tests.meta.sources import ROOT, modules, place, tree

LIST = ROOT / "tests" / "reference" / "requirement_ids.txt"


def _levels() -> dict[str, str]:
    rows = (line.split() for line in LIST.read_text(encoding="utf-8").splitlines())
    return {row[0]: row[1] for row in rows}


def _cited() -> Iterator[tuple[str, str]]:
    """Place and id of each `pytest.mark.req("…")`."""
    for module in modules("tests"):
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.req":
                for argument in node.args:
                    yield place(module, node), ast.literal_eval(argument)


def test_every_cited_requirement_exists() -> None:
    known = _levels()
    assert known
    assert [f"{where} {cited}" for where, cited in _cited() if cited not in known] == []


def test_some_binding_requirements_have_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    binding = {name for name, level in _levels().items() if level.startswith("MUST")}
    covered = binding & {cited for _, cited in _cited()}
    with capsys.disabled():
        print(f"\nrequirements: {len(covered)} of {len(binding)} MUST are cited by a test: {sorted(covered)}")
    assert covered
