"""What several test processes reached is joined, and a floor that does not hold names the lines."""

import json
from pathlib import Path

from tests.measuring import Reached, judge, read_reached


def write(folder: Path, worker: str, lines: str, missing: str, branches: list[list[int]]) -> None:
    known = [[2, 3], [2, 5], [7, -6]]
    told = {
        "executed_lines": [int(line) for line in lines.split()],
        "missing_lines": [int(line) for line in missing.split()],
        "executed_branches": branches,
        "missing_branches": [each for each in known if each not in branches],
    }
    (folder / f"{worker}.json").write_text(json.dumps({"files": {"app/domain/x.py": told}}), "utf-8")


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
