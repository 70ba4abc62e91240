"""A row of the table: our figure, the limit measured in the same run, and the target for their ratio."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEAD = ("figure", "ours", "limit", "ratio", "target", "")
WIDTHS = (58, 12, 12, 8, 20, 6)
"""Fixed, because a row is printed before the next one is known."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. `met` None: a row that informs and has no target."""

    name: str
    ours: str
    limit: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        return (self.name, self.ours, self.limit, self.ratio, self.target, verdict)


def at_least_share(name: str, ours: float, limit: float, percent: float, unit: str) -> Figure:
    """Throughput as a share of what the database alone does with the same work.

    The database alone shares the cores with nobody but its clients; we need some for our workers as
    well, so the number of cores belongs to the verdict.
    """
    share = 100 * ours / limit
    return Figure(
        name,
        f"{ours:,.0f} {unit}",
        f"{limit:,.0f} {unit}",
        f"{share:.0f} %",
        f">= {percent:g} %, {cores()} cores",
        share >= percent,
    )


def at_most_hellos(name: str, seconds: float, hello: float, most: float) -> Figure:
    """CPU of one request in H, the CPU of a bare hello; infinite where that took no measurable time."""
    times = seconds / hello if hello else math.inf
    return Figure(
        name,
        f"{seconds * 1000:.2f} ms",
        f"{hello * 1000:.3f} ms",
        f"{times:.1f} H",
        f"<= {most:g} H",
        times <= most,
    )


def at_most(name: str, ours: float, most: float, write: Callable[[float], str]) -> Figure:
    """A figure with a limit of its own."""
    return Figure(name, write(ours), target=f"<= {write(most)}", met=ours <= most)


def milliseconds(value: float) -> str:
    return f"{value:.2f} ms"


def cores() -> int:
    """The cores that this process and its children may use."""
    return len(os.sched_getaffinity(0))


def headline() -> str:
    """The names of the columns, and a line below them."""
    return f"{_line(HEAD)}\n{'-' * (sum(WIDTHS) + 2 * len(WIDTHS) - 2)}"


def row(figure: Figure) -> str:
    """The figure as text in columns; a longer cell pushes the next ones aside."""
    return _line(figure.cells())


def _line(cells: Sequence[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many in 100 do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def p95(values: Sequence[float]) -> float:
    """The value that 95 in 100 do not exceed."""
    return percentile(values, 95)
