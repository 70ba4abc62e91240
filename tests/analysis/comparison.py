"""Tables of the starters beside the program's own figures, and beside each other; what differs is named."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.analysis.own_figures import OwnFigures

KEYS: Mapping[str, Sequence[str]] = {
    "completeness": ("VISIT", "ARMCD"),
    "change": ("PARAMCD", "AVISIT", "TRTP"),
    "events": ("ESTIMAND", "PARAMCD", "USUBJID"),
    "curves": ("ESTIMAND", "PARAMCD", "TRTP", "DAY"),
    "hazards": ("ESTIMAND", "PARAMCD", "TRTP"),
    "model": ("PARAMCD", "AVISIT", "TRTP", "KIND"),
}
"""By which columns a row of each table is found; the others are figures, or the arm of an event."""
TOLERANCE = {"model": 1e-4, "hazards": 1e-6}
EXACT = 1e-9
Row = Mapping[str, str]
Figures = dict[tuple[str, ...], str]


@dataclass(frozen=True)
class Compared:
    """How many figures of a table are equal, of how many, and the first that are not."""

    table: str
    equal: int
    total: int
    differences: Sequence[str]

    @property
    def holds(self) -> bool:
        return 0 < self.total == self.equal

    def report(self) -> str:
        lines = [f"{self.table}: {self.equal} of {self.total} equal", *self.differences[:5]]
        return "\n  ".join(lines)


def read_table(folder: Path, name: str) -> dict[tuple[str, ...], Row]:
    """The rows of a table by their keys; days as whole numbers, whoever wrote them."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    keyed: dict[tuple[str, ...], Row] = {tuple(_key(row[each]) for each in KEYS[name]): row for row in rows}
    assert len(keyed) == len(rows), f"{name}: rows without keys of their own"
    return keyed


def _key(said: str) -> str:
    return said.removesuffix(".0")


def compare_folders(first: Path, second: Path) -> list[Compared]:
    """Every table of one program beside that of another."""
    return [
        _compare(name, _figures(read_table(first, name), name), _figures(read_table(second, name), name))
        for name in KEYS
    ]


def _figures(rows: Mapping[tuple[str, ...], Row], name: str) -> dict[tuple[str, ...], str]:
    return {
        (*key, column): said
        for key, row in rows.items()
        for column, said in row.items()
        if column not in KEYS[name]
    }


def _compare(
    name: str, first: Mapping[tuple[str, ...], str], second: Mapping[tuple[str, ...], str]
) -> Compared:
    tolerance, names = TOLERANCE.get(name, EXACT), first.keys() | second.keys()
    unlike = sorted(key for key in names if not _is_alike(first.get(key), second.get(key), tolerance))
    differences = [f"{' '.join(key)}: {first.get(key)} and {second.get(key)}" for key in unlike]
    return Compared(name, len(names) - len(unlike), len(names), differences)


def _is_alike(first: str | None, second: str | None, tolerance: float) -> bool:
    if first is None or second is None:
        return False
    try:
        return abs(float(first) - float(second)) <= tolerance * max(1.0, abs(float(first)))
    except ValueError:
        return first == second


def compare_with_own(folder: Path, own: OwnFigures, export: Path) -> list[Compared]:
    """The tables of a starter beside COMPL and the program's own changes and events."""
    return [_completeness(folder, export), _changes(folder, own), _events(folder, own)]


def _completeness(folder: Path, export: Path) -> Compared:
    theirs = _figures(read_table(folder, "completeness"), "completeness")
    with (export / "compl.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["RULESET"], row["LATEFL"]) == ("1", "N")]
    ours: Figures = {
        (row["VISIT"], row["ARMCD"], column): said for row in rows for column, said in row.items()
    }
    return _compare("completeness, as COMPL has it", theirs, {key: ours.get(key, "") for key in theirs})


def _changes(folder: Path, own: OwnFigures) -> Compared:
    rows = read_table(folder, "change")
    theirs = {(*key, name): row[name] for key, row in rows.items() for name in ("N", "MEAN")}
    ours: Figures = {}
    for key, changes in own.changes.items():
        ours[*key, "N"] = str(len(changes))
        ours[*key, "MEAN"] = repr(float(sum(changes) / len(changes)))
    return _compare("mean change, in exact fractions", theirs, ours)


def _events(folder: Path, own: OwnFigures) -> Compared:
    rows = read_table(folder, "events")
    theirs = {key: f"{_key(row['DAY'])} {_key(row['EVENT'])}" for key, row in rows.items()}
    ours: Figures = {
        (estimand, parameter, f"sbrt-nsclc-{subject}"): f"{day} {event}"
        for (estimand, parameter, subject), (day, event) in own.events.items()
    }
    return _compare("event vectors, from the feed", theirs, ours)
