"""There is one way to write: entries, heads and connections that write are storage's alone."""

import ast
from collections.abc import Iterator

import pytest

from app.settings import ROOT
from tests.meta.sources import modules, nodes, position_of

BUILDER = ROOT / "app/storage/audit.py"
ONLY_THERE = frozenset({"ChainEntry", "AuditEntry", "LinkedEntry", "link_entry"})
"""Called to make an entry; reading one back is `audit_verification`'s."""
READERS = frozenset({ROOT / "app/services/audit/audit_verification.py", ROOT / "app/domain/records/audit.py"})
WRITERS = frozenset(
    "write_engine autocommit_engine allow_tables find_write_guard covered_writes audited_writes"
    " bookkeeping_writes append_if_unmoved insert_linked_entries move_locked_head append_feed_events"
    " WriteGuard".split()
)
"""What lets a connection write."""
CONNECTORS = frozenset(
    "create_engine engine_from_config create_mock_engine create_async_engine raw_connection dbapi_connection"
    " driver_connection cursor loaded_dbapi dbapi import_dbapi write_guard allow autocommit".split()
)
"""What leads to a driver, or to the guard of its connection."""
SCRATCH = ROOT / "app/services/datasets/recheck"
"""Has a database of its own, in a file that it throws away."""


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@pytest.mark.req("AUD-01")
def test_only_one_module_builds_entries() -> None:
    elsewhere = [
        f"{position_of(module, node)} {called(node)}"
        for module in modules("app")
        if module != BUILDER and module not in READERS
        for node in nodes(module)
        if isinstance(node, ast.Call) and called(node) in ONLY_THERE
    ]
    assert not elsewhere


@pytest.mark.req("AUD-01")
def test_only_one_module_moves_heads() -> None:
    elsewhere = [
        position_of(module, node)
        for module in modules("app")
        if module != BUILDER
        for node in nodes(module)
        if isinstance(node, ast.Call)
        and called(node) in ("update", "delete")
        and "AuditChain" in ast.unparse(node)
    ]
    assert not elsewhere


@pytest.mark.req("AUD-01")
def test_nothing_outside_storage_opens_a_connection_that_writes() -> None:
    outside = [
        f"{module.name} {named}"
        for module in modules("app")
        if "app/storage" not in str(module)
        for node in nodes(module)
        for named in named_by(node)
        if named in WRITERS | CONNECTORS or (named in ("sqlite3", "psycopg") and module.parent != SCRATCH)
    ]
    assert not outside


def named_by(node: ast.AST) -> Iterator[str]:
    """What a piece of code imports, or takes from something."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (alias.name for alias in node.names)
        yield (getattr(node, "module", None) or "").partition(".")[0]
    if isinstance(node, ast.Attribute):
        yield node.attr
