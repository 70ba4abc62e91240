"""Every gate and every test: `python -m tests`, or `python -m tests mypy djlint` for some of them.

The quick gates run side by side, then the tests and mypy, then the floors of coverage. All of them
run even when one fails; the closing lines name what failed. The last line counts the tests, and
each other gate that failed counts as one more failure.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests import coverage_measure, memory
from tests.meta.requirements import summary

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
WORKERS = "3"
"""One more than the cores of a small machine: a third of the tests wait for a browser or a clock."""

QUICK: dict[str, Sequence[str]] = {
    "ruff format": (str(PROGRAMS / "ruff"), "format", "--check", "--quiet", "."),
    "ruff": (str(PROGRAMS / "ruff"), "check", "--quiet", "--output-format=concise", "."),
    "import-linter": (str(PROGRAMS / "lint-imports"), "--no-logo"),
    "djlint": (str(PROGRAMS / "djlint"), "app/templates", "--lint", "--quiet"),
}
MYPY = (str(PROGRAMS / "mypy"), "--strict", "--no-error-summary", "app", "tests", "bench", ".tools")
"""Takes a minute of one core on a fresh machine: the other would have nothing to do meanwhile."""
# The rules and the use cases are proven on every branch; the faces may leave a corner.
FLOORS: dict[str, tuple[float, Sequence[str]]] = {
    "coverage of domain, storage, services": (100.0, ("app/domain/*", "app/storage/*", "app/services/*")),
    "coverage of everything": (90.0, ("app/*",)),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One gate: whether it held, how long it took, and what it said."""

    gate: str
    passed: bool
    seconds: float
    said: str = ""

    def report(self) -> None:
        """Print the verdict, and the words of a gate that failed."""
        if not self.passed and self.said:
            print(self.said.rstrip())
        print(f"{'ok    ' if self.passed else 'FAILED'} {self.gate} ({self.seconds:.1f} s)", flush=True)


@dataclass(frozen=True, slots=True)
class Count:
    """What pytest counted."""

    passed: int
    failed: int
    skipped: int


def main(chosen: Sequence[str]) -> int:
    """Run the chosen gates, or all; return the exit code."""
    known = [*QUICK, "mypy", "pytest"]
    if unknown := [name for name in chosen if name not in known]:
        print(f"unknown gate: {', '.join(unknown)}; known: {', '.join(known)}", file=sys.stderr)
        return 2
    gates = chosen or known
    outcomes = _quick_gates([gate for gate in QUICK if gate in gates])
    count = Count(0, 0, 0)
    with ThreadPoolExecutor(max_workers=1) as beside:
        types = beside.submit(_run, "mypy", MYPY) if "mypy" in gates else None
        tested: list[Outcome] = []
        if "pytest" in gates:
            tested, count = _tests()
    if types is not None:
        types.result().report()
        outcomes.append(types.result())
    outcomes += tested
    if tested:
        print(summary())
    return _close(outcomes, count)


def _quick_gates(gates: Sequence[str]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for outcome in pool.map(lambda gate: _run(gate, QUICK[gate]), gates):
            outcome.report()
            outcomes.append(outcome)
    return outcomes


def _environment() -> Mapping[str, str]:
    """That of this process, but byte code is kept: some hundred programs are started in the tests."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _run(gate: str, command: Sequence[str]) -> Outcome:
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False)
    return Outcome(gate, done.returncode == 0, time.monotonic() - began, done.stdout + done.stderr)


def _tests() -> tuple[list[Outcome], Count]:
    with tempfile.TemporaryDirectory(dir=memory.find_roomy_folder()) as folder:
        report = Path(folder) / "report.xml"
        options = [
            "-n",
            WORKERS,
            f"--junitxml={report}",
            f"--basetemp={Path(folder) / 'tests'}",
            "--durations=40",
            "--durations-min=4",
            "-q",
        ]
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", *options]
        environment = {**_environment(), coverage_measure.FOLDER: folder}
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        tested = Outcome("pytest", done.returncode == 0, time.monotonic() - began)
        tested.report()
        count = _count(report)
        reached = coverage_measure.read_reached(Path(folder))
    floors = [_coverage(gate, reached, *floor) for gate, floor in FLOORS.items()]
    return [tested, *floors], count


def _coverage(
    gate: str, reached: Sequence[coverage_measure.Reached], floor: float, patterns: Sequence[str]
) -> Outcome:
    passed, said = coverage_measure.judge(reached, patterns, floor)
    outcome = Outcome(gate, passed, 0.0, said)
    outcome.report()
    return outcome


def _count(report: Path) -> Count:
    if not report.exists():
        return Count(0, 1, 0)
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    # Written a moment ago by our own pytest: not a stranger's XML.
    for suite in ET.parse(report).getroot().iter("testsuite"):
        for name in totals:
            totals[name] += int(suite.get(name, "0"))
    failed = totals["failures"] + totals["errors"]
    return Count(totals["tests"] - failed - totals["skipped"], failed, totals["skipped"])


def _close(outcomes: Sequence[Outcome], count: Count) -> int:
    failed = [outcome.gate for outcome in outcomes if not outcome.passed]
    print()
    print(f"gates: {', '.join(outcome.gate for outcome in outcomes)}")
    print(f"failed gates: {', '.join(failed)}" if failed else "every gate held")
    others = sum(gate != "pytest" for gate in failed)
    # A run that collected nothing, or died, has no failed test to count.
    unexplained = int("pytest" in failed and count.failed == 0)
    print(f"{count.passed} passed, {count.failed + others + unexplained} failed, {count.skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
