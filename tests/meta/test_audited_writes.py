"""There is one way to write: entries, heads and connections that write are storage's alone."""

import ast
from pathlib import Path

import pytest

from app.settings import ROOT
from tests.meta.sources import modules, place, tree

BUILDER = ROOT / "app/storage/audit.py"
ONLY_THERE = frozenset({"ChainEntry", "AuditEntry", "LinkedEntry", "link_entry"})
"""Called to make an entry; reading one back is `audit_verification`'s."""
READERS = frozenset({ROOT / "app/services/audit/audit_verification.py", ROOT / "app/domain/records/audit.py"})
ENGINE = "app.storage.engine"
OPENERS = frozenset({"write_engine", "autocommit_engine", "allow_writes"})


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@pytest.mark.req("AUD-01")
def test_only_one_module_builds_entries() -> None:
    elsewhere = [
        f"{place(module, node)} {called(node)}"
        for module in modules("app")
        if module != BUILDER and module not in READERS
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and called(node) in ONLY_THERE
    ]
    assert not elsewhere


@pytest.mark.req("AUD-01")
def test_only_one_module_moves_heads() -> None:
    elsewhere = [
        place(module, node)
        for module in modules("app")
        if module != BUILDER
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
        and called(node) in ("update", "delete")
        and "AuditChain" in ast.unparse(node)
    ]
    assert not elsewhere


def names_from_engine(module: Path) -> set[str]:
    return {
        alias.name
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and node.module == ENGINE
        for alias in node.names
    }


@pytest.mark.req("AUD-01")
def test_nothing_outside_storage_opens_a_connection_that_writes() -> None:
    outside = [
        str(module.relative_to(ROOT))
        for module in modules("app")
        if "app/storage" not in str(module) and names_from_engine(module) & OPENERS
    ]
    assert not outside
