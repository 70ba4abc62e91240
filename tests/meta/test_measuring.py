"""What several test processes reached is joined, and a floor that does not hold names the lines."""

import json
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest
from slipcover import Slipcover, probe
from slipcover.importer import SlipcoverLoader

from tests import coverage_probes
from tests.coverage_measure import Reached, judge, read_reached


def write(folder: Path, worker: str, lines: str, missing: str, branches: list[list[int]]) -> None:
    known = [[2, 3], [2, 5], [7, -6]]
    report = {
        "executed_lines": [int(line) for line in lines.split()],
        "missing_lines": [int(line) for line in missing.split()],
        "executed_branches": branches,
        "missing_branches": [each for each in known if each not in branches],
    }
    (folder / f"{worker}.json").write_text(json.dumps({"files": {"app/domain/x.py": report}}), "utf-8")


def test_what_one_process_reached_is_reached(tmp_path: Path) -> None:
    write(tmp_path, "gw0", "1 2 3", "5 6 7", [[2, 3]])
    write(tmp_path, "gw1", "1 2 5 7", "3 6", [[2, 5]])
    reached = read_reached(tmp_path)
    assert reached == [Reached("app/domain/x.py", 6, frozenset({6}), 3, frozenset({(7, -6)}))]
    assert judge(reached, ["app/domain/*"], 100.0) == (
        False,
        "app/domain/x.py: 6, 7->exit\n77.78 % of 9 lines and branches",
    )
    assert judge(reached, ["app/*"], 77.7)[0]


def test_a_floor_under_which_nothing_stands_does_not_hold(tmp_path: Path) -> None:
    assert judge(read_reached(tmp_path), ["app/*"], 1.0) == (False, "0.00 % of 0 lines and branches")


LOOP = """
def add(upto):
    total = 0
    for each in range(upto):
        if each % 2:
            total += each
        else:
            total -= 1
    return total


class Sum:
    def __init__(self, *numbers):
        self.numbers = [number for number in numbers if number]

    def tell(self):
        try:
            match self.numbers:
                case []:
                    return "none"
                case [first, *_] if first > 300:
                    return sum(each for each in self.numbers)
        finally:
            self.numbers = []
        return add(4)
"""
_numbers = count()


def load(source: Path, slipcover: Slipcover, *, own: bool) -> ModuleType:
    name = f"measured_{next(_numbers)}"
    plain = SourceFileLoader(name, str(source))
    loader = (
        coverage_probes.ProbingLoader(slipcover, str(source))
        if own
        else SlipcoverLoader(slipcover, plain, str(source))
    )
    spec = spec_from_loader(name, loader, origin=str(source))
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def measure(source: Path, *, own: bool) -> Iterator[object]:
    """What is reached after each step."""
    slipcover = Slipcover(immediate=True, branch=True, exclude_lines=[])
    module = load(source, slipcover, own=own)
    for numbers in [(), (0, 1), (301, 5), (7,)]:
        yield module.Sum(*numbers).tell()
        yield slipcover.get_coverage()["files"]


@pytest.mark.skipif(
    not coverage_probes.CACHES_CODE, reason="SlipCover's own loader is used on this interpreter"
)
def test_a_probe_reports_what_slipcover_would_and_is_gone(tmp_path: Path) -> None:
    source = tmp_path / "measured.py"
    # Constants enough for arguments of more than a byte.
    many = "\n".join(f"    each += {number}" for number in range(1000, 1400))
    source.write_text(f"{LOOP}\n\ndef add_many(each):\n{many}\n    return each\n\n\nEACH = add_many(1)\n")
    expected = list(measure(source, own=False))
    assert list(measure(source, own=True)) == expected
    assert list(measure(source, own=True)) == expected, "as kept"
    module = load(source, Slipcover(immediate=True, branch=True), own=True)
    called: list[set[object]] = []
    for _ in range(2):
        called.append(set())
        sys.setprofile(lambda _frame, _event, callee: called[-1].add(callee))
        module.add(50)
        sys.setprofile(None)
    assert [probe.signal in each for each in called] == [True, False]
    source.write_text("one = 1\n\ntwo = 2\n")
    assert coverage_probes.read_probed(source).lines == [1, 3]
