"""The domain reads no file, network, clock or database: it imports what is named here, and itself."""

import ast

from tests.meta.sources import modules, nodes, position_of

PURE = frozenset(
    "abc calendar collections csv dataclasses datetime decimal enum fractions functools hashlib io itertools"
    " json math operator re reprlib string struct tomllib types typing unicodedata warnings xml"
    " zoneinfo".split()
)
"""Of the standard library: none of it does anything but compute. `io` is for texts in memory."""


def test_the_domain_imports_only_what_computes() -> None:
    elsewhere = [
        f"{position_of(module, node)} {name}"
        for module in modules("app/domain")
        for node in nodes(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in imported(node)
        if name.partition(".")[0] not in PURE and not name.startswith("app.domain.")
    ]
    assert elsewhere == []


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The modules that a statement imports."""
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [f"{node.module}"]
