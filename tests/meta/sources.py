"""The files that the meta-tests read: the program, the tests and everything in the repository."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_EXCLUDED = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}


@cache
def modules(folder: str) -> tuple[Path, ...]:
    """The Python files below a folder of the repository, which has some: a rule of none holds nothing."""
    paths = tuple(sorted((ROOT / folder).rglob("*.py")))
    assert paths, f"there is no module in {folder}"
    return paths


@cache
def tree(module: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse(module.read_text(encoding="utf-8"), filename=str(module))


@cache
def nodes(module: Path) -> tuple[ast.AST, ...]:
    """Every node of that tree, which many rules look through."""
    return tuple(ast.walk(tree(module)))


def position_of(module: Path, node: ast.expr | ast.stmt | ast.ExceptHandler) -> str:
    """Where a finding stands, in the form that editors open."""
    return f"{module.relative_to(ROOT)}:{node.lineno}"


@cache
def tracked() -> tuple[Path, ...]:
    """What git holds or would hold; in a copy without git, every file but caches."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0:
        named = (ROOT / name for name in listing.stdout.split("\0") if name)
    else:
        named = (path for path in ROOT.rglob("*") if not _EXCLUDED & set(path.relative_to(ROOT).parts))
    return tuple(sorted(path for path in named if path.is_file()))
