"""Which lines and branches of the program the tests reach, measured by SlipCover.

`TESTS_REACHED=FOLDER pytest -n 2` writes one JSON file for each test process. SlipCover compiles a probe
into each line; `tests/coverage_probes.py` has it taken out once it was passed, and compiled once for all
processes. A tracer, which is called for each line again and again, took a quarter of the whole run, probes
that stay a seventh. Programs that a test starts are not measured.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from slipcover import Slipcover

from tests import coverage_probes

NOT_COUNTED = ("@overload", "if TYPE_CHECKING:", r"^\s*\.\.\.$", r":\s*\.\.\.$")
"""Lines that nobody can reach, with what they begin; the last is the body of a method of a protocol."""
FOLDER = "TESTS_REACHED"
APP = Path(__file__).resolve().parent.parent / "app"
_WORKER = "PYTEST_XDIST_WORKER"
_PROCESSES = "PYTEST_XDIST_WORKER_COUNT"
_measuring: dict[Path, Slipcover] = {}

Branch = tuple[int, int]
"""The lines that it leads from and to."""


class ProbingFinder(MetaPathFinder):
    """Lets SlipCover compile the modules of the program."""

    def __init__(self, slipcover: Slipcover) -> None:
        self._slipcover = slipcover

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "app" and not fullname.startswith("app."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None and spec.origin:
            spec.loader = coverage_probes.loader(self._slipcover, spec)
        return spec


def begin() -> None:
    """Measure this process if it was asked for; the program must not have been imported yet."""
    worker = os.environ.get(_WORKER)
    if not worker:
        return
    # Programs that a test starts take over the environment, and are not measured.
    folder = os.environ.pop(FOLDER, "")
    if not folder:
        return
    if early := sorted(name for name in sys.modules if name.startswith("app.")):
        raise RuntimeError(f"imported before it could be measured: {', '.join(early)}")
    coverage_probes.prepare(_share_first(worker, sorted(APP.rglob("*.py"))))
    slipcover = Slipcover(immediate=True, branch=True, source=["app"], exclude_also=list(NOT_COUNTED))
    sys.meta_path.insert(0, ProbingFinder(slipcover))
    _measuring[Path(folder) / f"{worker}.json"] = slipcover


def _share_first(worker: str, sources: Sequence[Path]) -> Sequence[Path]:
    """All of them, from another place on in each process: each finds most of them done by the others."""
    number, processes = int(worker.removeprefix("gw")), int(os.environ.get(_PROCESSES, "1"))
    first = len(sources) * number // max(processes, number + 1)
    return [*sources[first:], *sources[:first]]


def write() -> None:
    """Write what this process has reached."""
    for path, slipcover in _measuring.items():
        path.write_text(json.dumps(slipcover.get_coverage()), "utf-8")


@dataclass(frozen=True, slots=True)
class Reached:
    """One file of the program: what was reached in it and what was not."""

    file: str
    lines: int
    missing_lines: frozenset[int]
    branches: int
    missing_branches: frozenset[Branch]

    @property
    def total(self) -> int:
        return self.lines + self.branches

    @property
    def missing(self) -> int:
        return len(self.missing_lines) + len(self.missing_branches)

    def describe(self) -> str:
        """The lines and branches that nothing reached, as one line of text."""
        lines = [str(line) for line in sorted(self.missing_lines)]
        # A negative line is the end of the function.
        branches = [f"{start}->{'exit' if end <= 0 else end}" for start, end in sorted(self.missing_branches)]
        return f"{self.file}: {', '.join([*lines, *branches])}"


def read_reached(folder: Path) -> list[Reached]:
    """What all test processes have reached together."""
    reports = [json.loads(path.read_text("utf-8"))["files"] for path in sorted(folder.glob("*.json"))]
    return [
        _joined(file, [each[file] for each in reports if file in each])
        for file in sorted(set().union(*reports))
    ]


def _joined(file: str, reports: Sequence[dict[str, Any]]) -> Reached:
    lines = _union(each["executed_lines"] for each in reports)
    missing_lines = _union(each["missing_lines"] for each in reports)
    branches = _union(map(tuple, each["executed_branches"]) for each in reports)
    missing_branches = _union(map(tuple, each["missing_branches"]) for each in reports)
    return Reached(
        file,
        len(lines | missing_lines),
        frozenset(missing_lines - lines),
        len(branches | missing_branches),
        frozenset(missing_branches - branches),
    )


def _union(parts: Iterable[Iterable[Any]]) -> set[Any]:
    return set().union(*parts)


def judge(reached: Iterable[Reached], patterns: Sequence[str], floor: float) -> tuple[bool, str]:
    """Whether the files of these patterns are reached to at least `floor` percent, and what is missing."""
    chosen = [each for each in reached if any(fnmatchcase(each.file, pattern) for pattern in patterns)]
    total, missing = sum(each.total for each in chosen), sum(each.missing for each in chosen)
    percent = 100 * (total - missing) / total if total else 0.0
    said = [each.describe() for each in chosen if each.missing]
    return percent >= floor, "\n".join([*said, f"{percent:.2f} % of {total} lines and branches"])
