"""What people type is text: no page trusts what it was given, and no address takes a file."""

import ast
import re

import pytest

from tests.meta.sources import ROOT, modules, nodes, place

UNESCAPED = re.compile(r"\|\s*safe\b|\bautoescape\b|\bMarkup\b")
TAKES_A_FILE = {"UploadFile", "File"}


@pytest.mark.req("SEC-08")
def test_no_template_takes_what_it_was_given_for_markup() -> None:
    templates = sorted((ROOT / "app" / "templates").rglob("*.*"))
    assert len(templates) > 50
    assert [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in templates
        for found in UNESCAPED.finditer(path.read_text("utf-8"))
    ] == []


@pytest.mark.req("SEC-08")
def test_no_address_takes_a_file() -> None:
    assert [
        place(module, node)
        for module in modules("app")
        for node in nodes(module)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("fastapi", "starlette"))
        if TAKES_A_FILE & {alias.name for alias in node.names}
    ] == []
