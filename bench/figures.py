"""A figure of the table: ours, the limit measured in the same run, and the target for their ratio."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEAD = ("figure", "ours", "limit", "ratio", "target", "")


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
    """Throughput as a share of what the database alone does with the same work."""
    share = 100 * ours / limit
    return Figure(
        name,
        f"{ours:,.0f} {unit}",
        f"{limit:,.0f} {unit}",
        f"{share:.0f} %",
        f">= {percent:g} %",
        share >= percent,
    )


def at_most_hellos(name: str, seconds: float, hello: float, most: float) -> Figure:
    """CPU of one request in H, the CPU of a request that does nothing."""
    times = seconds / hello
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


def table(figures: Sequence[Figure]) -> str:
    """The rows as text in columns."""
    rows = [HEAD, *(figure.cells() for figure in figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([lines[0].rstrip(), "-" * sum(widths, 2 * len(widths) - 2), *map(str.rstrip, lines[1:])])


def p95(values: Sequence[float]) -> float:
    """The value that 95 in 100 do not exceed."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]
