"""The requirements' ids and levels, and where tests cite them."""

import ast
from collections.abc import Iterator

from tests.meta.sources import ROOT, modules, place, tree

LIST = ROOT / "tests" / "reference" / "requirement_ids.txt"


def levels() -> dict[str, str]:
    """Level (MUST, MUST*, SHOULD) of each requirement by its id."""
    rows = (line.split() for line in LIST.read_text(encoding="utf-8").splitlines())
    return {row[0]: row[1] for row in rows}


def cited() -> Iterator[tuple[str, str]]:
    """Place and id of each `pytest.mark.req("…")`."""
    for module in modules("tests"):
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.req":
                for argument in node.args:
                    yield place(module, node), ast.literal_eval(argument)


def summary() -> str:
    """One line: how many binding requirements some test cites."""
    binding = {name for name, level in levels().items() if level.startswith("MUST")}
    covered = binding & {name for _, name in cited()}
    return f"requirements: {len(covered)} of {len(binding)} MUST are cited by a test"
