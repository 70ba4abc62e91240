"""The rules of size and style that no linter knows."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.meta.sources import ROOT, modules, nodes, position_of

LONGEST_FUNCTION = 40
LONGEST_FILE = 400
SIZED = ("app", "tests", "bench", ".tools")
"""Folders in which nothing is long; a migration is read once and never again."""
SAY_NOTHING = {"utils", "util", "helpers", "helper", "manager", "handler", "base"}
CHECKS = ("assert_", "check_", "expect", "raises", "warns")
# The reason follows the code: ` why` after a lint code, `  # why` after a type code.
SILENCED = re.compile(r"#\s*noqa\b|#\s*type:\s*ignore")
WITH_REASON = re.compile(r"#\s*noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*[ -]+\w|#\s*type: ignore\[[a-z, -]+\]\s+# \S")
WITHOUT_SUBJECT = re.compile(r"(?:The same|Those|Of|All of|Such|It|They|And|Likewise|As above)\b")
"""How a docstring begins that says what something is only to whoever has read the one above it."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(module: Path) -> Iterator[Function]:
    return (node for node in nodes(module) if isinstance(node, Function))


def _lines(function: Function) -> int:
    """The lines of the body, without its docstring: a rule well explained is not a long one."""
    body = function.body
    if ast.get_docstring(function) is not None and len(body) > 1:
        body = body[1:]
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1


def test_no_function_is_long() -> None:
    long = [
        f"{position_of(module, function)} {function.name}: {_lines(function)}"
        for folder in SIZED
        for module in modules(folder)
        for function in _functions(module)
        if _lines(function) > LONGEST_FUNCTION
    ]
    assert not long


def test_functions_are_short_in_the_middle() -> None:
    assert median(_lines(function) for module in modules("app") for function in _functions(module)) <= 6


def test_no_file_is_long() -> None:
    long = [
        f"{module.relative_to(ROOT)}: {length}"
        for folder in SIZED
        for module in modules(folder)
        if (length := len(module.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    ]
    assert not long


def test_nothing_is_imported_inside_a_function() -> None:
    inside = [
        position_of(module, node)
        for folder in ("app", "tests", "bench", ".tools")
        for module in modules(folder)
        for node in nodes(module)
        if isinstance(node, ast.Import | ast.ImportFrom) and _is_inside_a_function(module, node)
    ]
    assert not inside


def _is_inside_a_function(module: Path, node: ast.Import | ast.ImportFrom) -> bool:
    """What begins a line is not, and hardly any import begins elsewhere."""
    return node.col_offset > 0 and any(node in ast.walk(function) for function in _functions(module))


def test_what_tests_share_stands_in_a_module_of_its_own() -> None:
    borrowed = [
        position_of(module, node)
        for module in modules("tests")
        for node in nodes(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (*_imported(node), *(alias.name for alias in node.names))
        if name.startswith(("tests.", "test_")) and name.rpartition(".")[2].startswith("test_")
    ]
    assert not borrowed


def test_every_module_is_named_for_something() -> None:
    vague = [
        str(module.relative_to(ROOT))
        for module in modules("app")
        if SAY_NOTHING & set(module.relative_to(ROOT).with_suffix("").parts)
    ]
    assert not vague


def test_only_the_ticker_catches_everything() -> None:
    broad = [
        position_of(module, node)
        for module in modules("app")
        if "jobs" not in module.relative_to(ROOT).parts
        for node in nodes(module)
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node)
    ]
    assert not broad


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(name, ast.Name) and name.id in ("Exception", "BaseException") for name in names)


def test_the_domain_imports_only_the_standard_library_and_itself() -> None:
    foreign = [
        f"{position_of(module, node)} {name}"
        for module in modules("app/domain")
        for node in nodes(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _imported(node)
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("app.domain")
    ]
    assert not foreign


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    # "." stands for the package itself and is refused: addresses are written in full.
    return ["." if node.level else str(node.module)]


def test_every_test_asserts() -> None:
    empty = [
        f"{position_of(module, function)} {function.name}"
        for module in modules("tests")
        if module.name.startswith("test_")
        for function in _functions(module)
        if function.name.startswith("test_") and not any(map(_asserts, ast.walk(function)))
    ]
    assert not empty


def _asserts(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return called.startswith(CHECKS)


def test_a_silenced_finding_has_its_reason() -> None:
    bare = [
        f"{module.relative_to(ROOT)}:{number}"
        for folder in ("app", "tests", "bench", "alembic", ".tools")
        for module in modules(folder)
        if module != Path(__file__)
        for number, line in enumerate(module.read_text(encoding="utf-8").splitlines(), 1)
        if SILENCED.search(line) and not WITH_REASON.search(line)
    ]
    assert not bare


def test_a_docstring_names_its_subject() -> None:
    unnamed = [
        f"{module.relative_to(ROOT)}: {text.splitlines()[0]}"
        for module in modules("app")
        for node in nodes(module)
        if isinstance(node, Function | ast.ClassDef | ast.Module)
        and WITHOUT_SUBJECT.match(text := ast.get_docstring(node) or "")
    ]
    assert not unnamed


def test_nothing_is_mocked() -> None:
    mocked = [
        position_of(module, node)
        for module in modules("tests")
        for node in nodes(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _imported(node)
        if name.startswith(("unittest.mock", "mock", "pytest_mock"))
    ]
    assert not mocked
