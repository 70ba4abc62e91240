"""What people type is text: no page trusts what it was given, and no address takes a file."""

import ast
import re

import pytest

from tests.meta.sources import ROOT, modules, nodes, position_of

UNESCAPED = re.compile(r"\|\s*safe\b|\bautoescape\b|\bMarkup\b")
TAKES_A_FILE = {"UploadFile", "File"}


@pytest.mark.req("SEC-08")
def test_no_template_marks_a_value_as_safe() -> None:
    templates = sorted((ROOT / "app" / "templates").rglob("*.*"))
    assert len(templates) > 50
    assert [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in templates
        for match in UNESCAPED.finditer(path.read_text("utf-8"))
    ] == []


@pytest.mark.req("SEC-08")
def test_no_address_takes_a_file() -> None:
    assert [
        position_of(module, node)
        for module in modules("app")
        for node in nodes(module)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("fastapi", "starlette"))
        if TAKES_A_FILE & {alias.name for alias in node.names}
    ] == []
